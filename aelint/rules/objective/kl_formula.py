"""A closed form that is nearly, but not, the KL divergence that its own terms name.

## What it does

Writes the loss out as a sum and compares every Gaussian and categorical KL in it with the formula: a
missing or doubled factor, a wrong sign, a missing term, `logvar ** 2` for `logvar.exp()`, a closing
parenthesis that leaves one term out of the sum, a constant outside of the sum, a prior without logarithm.

## Why is this bad?

The posterior is pulled to something else than the prior: the optimum moves away from mean 0 and variance 1,
or the reported KL is off by a constant, so that models cannot be compared and a KL of 0 is never reached.

## Example

```python
import torch


def kl_loss(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.pow(2))
```

## Use instead

```python
import torch


def kl_loss(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
```

## Known limits

Three of the four terms must agree with each other before the fourth is called wrong. Rearrangements, dropped
constants and formulas without the mean are left alone, and so is one constant factor on the whole term,
which is its weight.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, appendix B: https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.semantics.closed_forms import (
    CategoricalTerm,
    Defect,
    GaussianTerm,
    categorical_terms,
    defect_of,
    gaussian_terms,
    written_out,
)
from aelint.semantics.objectives import objectives

RULE = Rule(
    code="AEL303",
    name="kl-formula",
    summary="a closed-form KL divergence differs from the formula in one term",
    severity=Severity.ERROR,
    triggers=(("exp", "log", "pow", "**", "square"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each KL term that agrees with the formula in all terms but one."""
    seen: set[int] = set()
    for objective in objectives(program):
        for site, message in (*_gaussians(gaussian_terms(objective)), *_categoricals(categorical_terms(objective))):
            if id(site.node) not in seen:
                seen.add(id(site.node))
                yield Finding(site, message)


def _gaussians(terms: Iterator[GaussianTerm]) -> Iterator[tuple[Site, str]]:
    for term in terms:
        defect, top = defect_of(term), term.top
        if defect is not None and top is not None and top.site is not None:
            yield top.site, _message(term, defect)


def _message(term: GaussianTerm, defect: Defect) -> str:
    return (
        f"This is {written_out(term)}, not a multiple of the KL divergence to the standard normal: "
        f"{defect.what}. Per latent dimension it is 0.5 * (mean^2 + variance - log variance - 1)"
    )


def _categoricals(terms: Iterator[CategoricalTerm]) -> Iterator[tuple[Site, str]]:
    for term in terms:
        k, top = term.categories, term.top
        if k is None or k < 2 or term.symbolic or not term.prior.summands or top is None or top.site is None:
            continue
        if term.entropy.reductions is None or term.entropy.reductions != term.prior.reductions:
            continue
        wrong = _wrong_prior(term.prior.value / term.entropy.value, k)
        if wrong:
            yield top.site, f"The KL to the uniform law over {k} categories is sum q * (log q + log {k}); {wrong}"


def _wrong_prior(ratio: float, k: int) -> str:
    named = {
        -1 / k: f"here the probability 1/{k} itself is subtracted, not its logarithm",
        1 / k: f"here the probability 1/{k} itself is added, not log {k}",
        -math.log(k): f"here log {k} is subtracted, so the prior enters with the wrong sign",
        float(k): f"here {k} itself is added, not its logarithm",
        -float(k): f"here {k} itself is subtracted",
    }
    return next((text for value, text in named.items() if math.isclose(ratio, value, rel_tol=1e-3)), "")
