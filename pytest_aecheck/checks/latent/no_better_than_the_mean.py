"""A trained model reconstructs no better than the mean of the data.

## What it does

Reconstructs 256 samples in evaluation mode without noise and compares the squared error with the variance of the data.

## Why is this bad?

A model that has learned nothing but the mean image has an error equal to the variance.

## How it decides

It fails if the fraction of variance unexplained is above 0.98 by more than twice its standard error, passes if it is below by as much,
and cannot tell in between. Models that learned measured at most 0.93, models that did not at least 0.999. At a true value of 0.98 it
fails for at most 5 % of data sets of 256; a simulation in the test suite confirms it. Outputs that the loss passes through a sigmoid
(logits) are compared after it.

## Exemptions

Models that are not declared fitted; inputs that are not of floating point; scores of classes; losses that compare the reconstruction
with something else than the input (normalised patches, a prediction of the future).

## References

- Hotelling, "Analysis of a complex of statistical variables into principal components" (1933): <https://doi.org/10.1037/h0071325>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC231",
    name="no-better-than-the-mean",
    summary="the fitted model is no better than the mean of the data",
    stage=Stage.FITTED,
    needs=("fitted",),
)

_MEAN = 0.98


def judge(observations: Observations) -> Verdict:
    """Fail, pass, or say that the sample is too small."""
    fitted = observations.fitted
    numbers: dict[str, Any] = {"fvu": fitted.fvu, "standard_error": fitted.fvu_error, "samples": fitted.samples}
    if fitted.fvu < _MEAN - 2 * fitted.fvu_error:
        return CHECK.passed(**numbers)
    if fitted.fvu < _MEAN + 2 * fitted.fvu_error:
        return CHECK.skipped(
            f"cannot tell from {fitted.samples} samples: {fitted.fvu:.3g} ± {fitted.fvu_error:.2g} of the variance is unexplained"
        )
    return CHECK.failed(
        f"the trained model leaves {fitted.fvu:.3g} of the data's variance unexplained; the mean of the data leaves 1",
        **numbers,
    )
