"""Samples from the prior decode to something else than data.

## What it does

Decodes draws of N(0, I) with the trained model and compares their range and spread with those of the data; and compares the codes of
the data with the prior.

## Why is this bad?

Generation feeds the decoder from the prior. If the codes of the data lie elsewhere (a KL with next to no weight, a latent that is scaled
on one side only), the decoder is asked about places that it never saw.

## How it decides

It warns if more than 5 % of the decoded values lie more than half the data's range outside of it, or if decoded samples vary by less than a
twentieth of what the data vary. It also warns if the aggregate posterior has its mean more than five standard deviations of the prior
away, or more than 25 times its variance, in any unit.

## Exemptions

Models that are not declared fitted; models that draw no latent in evaluation mode; losses that compare with something else than the input.

## References

- Hoffman and Johnson, "ELBO surgery" (2016): <http://approximateinference.org/accepted/HoffmanJohnson2016.pdf>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC627",
    name="prior-samples-out-of-range",
    summary="the fitted model decodes draws from the prior to something else than data",
    stage=Stage.FITTED,
    gate=False,
    needs=("prior_samples",),
    cost="1 forward of 256 samples",
)

_OUTSIDE = 0.05
_ALIKE = 0.05
_FAR = 5.0
"""Standard deviations of the prior: one draw in two million is that far away."""


def judge(observations: Observations) -> Verdict:
    """Compare range and spread."""
    found = observations.prior_samples
    numbers: dict[str, Any] = {
        "outside": found.outside,
        "spread": found.spread,
        "furthest_mean": found.furthest_mean,
        "narrowest": found.narrowest,
        "widest": found.widest,
    }
    codes = (
        f"The codes of the data have means up to {found.furthest_mean:.2g} and variances from {found.narrowest:.2g} to {found.widest:.2g}; "
        "under the prior they would be 0 and 1"
    )
    if found.outside > _OUTSIDE:
        return CHECK.failed(
            f"draws from the prior decode to values from {found.decoded_low:.3g} to {found.decoded_high:.3g}, the data lie between "
            f"{found.data_low:.3g} and {found.data_high:.3g}: {found.outside:.0%} are far outside. {codes}",
            **numbers,
        )
    if found.spread < _ALIKE:
        return CHECK.failed(
            f"draws from the prior all decode to nearly the same (spread {found.spread:.2g} of the data's). {codes}",
            **numbers,
        )
    if found.furthest_mean > _FAR or found.widest > _FAR**2:
        return CHECK.failed(
            f"draws from the prior hardly ever come near the codes of the data. {codes}. Look at the weight of the KL",
            **numbers,
        )
    return CHECK.passed(**numbers)
