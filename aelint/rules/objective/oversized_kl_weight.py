"""The KL divergence weighs so much that the posterior collapses onto the prior.

## What it does

Reports a KL divergence that is multiplied by a number of 50 or more beside the reconstruction, unless the
reductions of the two terms make up for it (a mean over the latent dimensions next to a sum over pixels).

## Why is this bad?

A latent dimension stays in use only while it saves more reconstruction error than its KL costs. With a
large weight none does: the code carries no information and every output is the same mean image.

## Example

```python
loss = reconstruction_loss + 100 * kl_divergence
```

## Use instead

```python
loss = reconstruction_loss + kl_divergence
```

## Known limits

Terms are recognised by what they compute, else by their names. Schedules, capacities `abs(kl - C)` and
weights that are only known at run time are left alone.

## References

- Higgins et al., beta-VAE, 2017: https://openreview.net/forum?id=Sy2fzU9gl
- Lucas et al., Don't Blame the ELBO!, 2019: https://arxiv.org/abs/1911.02469
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.objective.balance import Balance, balances
from aelint.semantics.objective.objectives import objectives

RULE = Rule(
    code="AEL301",
    name="oversized-kl-weight",
    summary="the KL divergence weighs so much that the posterior collapses",
    severity=Severity.WARNING,
    triggers=(("kl", "exp"), ("rec", "loss", "mse", "bce", "cross_entropy", "pow", "**")),
    options={"largest": 50.0},
)


def check(program: Program, options: Mapping[str, int | float | str | bool]) -> Iterator[Finding]:
    """Yield each KL term whose written and effective weight are both beyond `largest`."""
    largest = float(options["largest"])
    for objective in objectives(program):
        for balance in balances(objective):
            if balance.written < largest or balance.effective < largest or balance.undecided:
                continue
            site = next((one.site for one in balance.kl.inside if one.site is not None), None)
            if site is not None:
                yield Finding(site, _message(balance), _notes(balance), confidence=_confidence(balance))


def _message(balance: Balance) -> str:
    effective = ""
    if balance.known and round(balance.effective) != round(balance.written):
        effective = f"; with the reductions of the two terms that is an effective beta of {balance.effective:.3g}"
    return (
        f"the KL divergence weighs {balance.written:.4g} times the reconstruction{effective}. "
        "The posterior will collapse onto the prior and all outputs become alike; weights near 1 are usual, "
        "above 20 hardly any work"
    )


def _notes(balance: Balance) -> tuple[Note, ...]:
    leaf = balance.reconstruction.leaf
    return (Note(leaf.site, "the reconstruction term"),) if leaf is not None and leaf.site is not None else ()


def _confidence(balance: Balance) -> Confidence:
    return Confidence.HIGH if balance.known else Confidence.MEDIUM
