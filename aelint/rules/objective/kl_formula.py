"""A closed form that is nearly, but not, the KL divergence that its own terms name.

## What it does

Writes the loss out as a sum and compares every Gaussian and categorical KL in it with the formula: a
missing or doubled factor, a wrong sign, a missing term, `logvar ** 2` for `logvar.exp()`, a closing
parenthesis that leaves one term out of the sum, a constant outside of the sum, a prior without logarithm.
So too between two learned Gaussians: a ratio upside down or divided twice, logarithms exchanged, a distance
of the means over the wrong variance. And a Gaussian log-density whose parenthesis closes too late, so that the
logarithm of the variance is divided by the variance, too, or in which the logarithm has the opposite sign of the squared distance.

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
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.posteriors import posteriors
from aelint.semantics.latent.readings import divided_logarithms, turned_logarithms
from aelint.semantics.objective.closed_forms import CategoricalTerm, GaussianTerm, categorical_terms, gaussian_terms
from aelint.semantics.objective.defects import Defect, defect_of, written_out
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.two_laws import two_laws

RULE = Rule(
    code="AEL303",
    name="kl-formula",
    summary="a closed-form KL divergence differs from the formula in one term",
    severity=Severity.ERROR,
    triggers=(("exp", "log", "pow", "**", "square"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each KL term that agrees with the formula in all terms but one."""
    told: set[tuple[str, int]] = set()
    for objective in objectives(program):
        terms = list(gaussian_terms(objective))
        found = (
            *_gaussians(terms),
            *_exchanged(program, terms),
            *_between_two(objective),
            *_categoricals(categorical_terms(objective)),
        )
        for site, message in found:
            told.add((site.unit.path, site.row))
            yield Finding(site, message)
    for divided in divided_logarithms(program):
        message = (
            f"this Gaussian log-density divides {divided.name} by the variance as well: per dimension it is "
            "-0.5 * (log variance + (x - mean) ** 2 / variance), and the quotient is to hold the squared distance alone"
        )
        yield Finding(divided.site, message)
    yield from (one for one in _turned(program) if (one.site.unit.path, one.site.row) not in told)


def _turned(program: Program) -> Iterator[Finding]:
    for turned in turned_logarithms(program):
        message = (
            f"in this Gaussian log-density {turned.name} has the opposite sign of the squared distance: per dimension it is "
            "-0.5 * (log variance + (x - mean) ** 2 / variance), and turned round it grows without end with the variance"
        )
        yield Finding(turned.site, message)


def _gaussians(terms: list[GaussianTerm]) -> Iterator[tuple[Site, str]]:
    for term in terms:
        defect, top = defect_of(term), term.top
        if defect is not None and top is not None and top.site is not None:
            yield top.site, _message(term, defect)


def _between_two(objective: Objective) -> Iterator[tuple[Site, str]]:
    for term in two_laws(objective):
        top, defect = term.top, term.defect
        if defect and top is not None and top.site is not None:
            yield (
                top.site,
                (
                    f"this is not the KL divergence between two Gaussians that its other terms make up: {defect}. Per dimension it is "
                    "0.5 * (log variance_2 - log variance_1 + (variance_1 + (mean_1 - mean_2)^2) / variance_2 - 1)"
                ),
            )


def _exchanged(program: Program, terms: list[GaussianTerm]) -> Iterator[tuple[Site, str]]:
    """Right formulae whose mean is the head that scales the noise, and whose head is the mean of the sample."""
    for term in terms:
        top = term.top
        if term.factor is None or top is None or top.site is None:
            continue
        for one in posteriors(program):
            if one.mean is None or one.head is None or one.mean is one.head:
                continue
            if through_reshapes(one.head) is term.mean_leaf and through_reshapes(one.mean) is term.scale_leaf:
                message = (
                    f"this KL takes `{one.head.name or 'the scale'}` for the mean and `{one.mean.name or 'the mean'}` for the "
                    f"scale, but the sample ({place(one.site, top.site)}) uses them the other way round. Exchange them"
                )
                yield top.site, message


def _message(term: GaussianTerm, defect: Defect) -> str:
    return (
        f"this is {written_out(term)}, not a multiple of the KL divergence to the standard normal: "
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
            yield top.site, f"the KL to the uniform law over {k} categories is sum q * (log q + log {k}); {wrong}"


def _wrong_prior(ratio: float, k: int) -> str:
    named = {
        -1 / k: f"here the probability 1/{k} itself is subtracted, not its logarithm",
        1 / k: f"here the probability 1/{k} itself is added, not log {k}",
        -math.log(k): f"here log {k} is subtracted, so the prior enters with the wrong sign",
        float(k): f"here {k} itself is added, not its logarithm",
        -float(k): f"here {k} itself is subtracted",
    }
    return next((text for value, text in named.items() if math.isclose(ratio, value, rel_tol=1e-3)), "")
