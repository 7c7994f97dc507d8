"""A trained model reconstructs no better than the mean of the data.

## What it does

Reconstructs 256 samples in evaluation mode without noise and compares the squared error with the variance of the data.

## Why is this bad?

A model that has learned nothing but the mean image has an error equal to the variance.

## How it decides

It fails if the fraction of variance unexplained is at least 0.98, passes if it is below that by more than twice its
standard error, and cannot tell in between. Models that learned measured at most 0.93, models that did not at least 0.999.

## Exemptions

Models that are not declared fitted; inputs that are not of floating point; masked and denoising models, whose input is not their
target.

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
    if fitted.fvu < _MEAN:
        return CHECK.skipped(
            f"cannot tell from {fitted.samples} samples: {fitted.fvu:.3g} ± {fitted.fvu_error:.2g} of the variance is unexplained"
        )
    return CHECK.failed(
        f"the trained model leaves {fitted.fvu:.3g} of the data's variance unexplained; the mean of the data leaves 1",
        **numbers,
    )
