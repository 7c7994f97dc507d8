"""Latent units of a trained model carry no information.

## What it does

Counts the units of a drawn latent whose mean varies over 256 samples.

## Why is this bad?

A unit whose mean is the same for every input has collapsed to the prior. Some are expected where the code is wider than the data
need; all of them mean that the decoder works alone.

## How it decides

A unit is active if the variance of its mean over the data exceeds 0.01. It warns if none is active, and reports the count otherwise.

## Exemptions

Models that draw no latent in evaluation mode; models that are not declared fitted.

## References

- Burda et al., "Importance Weighted Autoencoders" (2016), section 5.2: <https://arxiv.org/abs/1509.00519>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC233",
    name="inactive-units",
    summary="latent units of the fitted model are inactive",
    stage=Stage.FITTED,
    gate=False,
    needs=("fitted",),
)


def judge(observations: Observations) -> Verdict:
    """Warn if every unit has collapsed."""
    fitted = observations.fitted
    if not fitted.units:
        return CHECK.skipped("the model draws no latent in evaluation mode")
    if not fitted.active_units:
        return CHECK.failed(
            f"none of {fitted.units} latent units is active over {fitted.samples} samples: the posterior has collapsed",
            units=fitted.units,
        )
    return CHECK.passed(active=fitted.active_units, units=fitted.units)
