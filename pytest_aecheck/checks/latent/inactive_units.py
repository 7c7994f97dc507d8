"""Latent units of a trained model carry no information.

## What it does

Counts the units of a drawn latent whose mean varies over 256 samples, and reports the divergence per sample, the mutual information
of input and code with its ceiling, and the share of collapsed units.

## Why is this bad?

A unit whose mean is the same for every input has collapsed to the prior. Some are expected where the code is wider than the data
need; all of them mean that the decoder works alone.

## How it decides

A unit is active if the variance of its mean over the data exceeds 0.01. It warns if every unit is below that by more than two
standard errors, and cannot tell if none is above but some are within the error. With normal means, a unit at exactly 0.01 is called
inactive for at most 6 % of data sets of 256 (10 % of 64); a simulation in the test suite confirms it.

## Exemptions

Models that draw no latent in evaluation mode; models that are not declared fitted; fewer than 32 different samples.

## References

- Burda et al., "Importance Weighted Autoencoders" (2016), section 5.2: <https://arxiv.org/abs/1509.00519>
- Hoffman and Johnson, "ELBO surgery" (2016), on the ceiling of the information: <https://approximateinference.org/2016/accepted/HoffmanJohnson2016.pdf>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC233",
    name="inactive-units",
    summary="latent units of the fitted model are inactive",
    stage=Stage.FITTED,
    gate=False,
    needs=("latent_use",),
)


def judge(observations: Observations) -> Verdict:
    """Warn if every unit has collapsed; say so if the sample is too small to tell."""
    use = observations.latent_use
    numbers: dict[str, Any] = {
        "active": use.active,
        "units": use.units,
        "collapsed": use.collapsed,
        "kl": use.kl,
        "information": use.information,
        "information_ceiling": use.information_ceiling,
    }
    if use.active:
        return CHECK.passed(**numbers)
    if use.surely_inactive < use.units:
        return CHECK.skipped(
            f"cannot tell from {use.samples} samples: the largest variance of a unit's mean is "
            f"{use.largest_variance:.3g} ± {use.largest_variance_error:.2g}, and 0.01 would be active"
        )
    return CHECK.failed(
        f"none of {use.units} latent units is active over {use.samples} samples: the posterior has collapsed", **numbers
    )
