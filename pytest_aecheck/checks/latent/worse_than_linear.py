"""A trained model reconstructs worse than principal components of the same size.

## What it does

Fits as many principal components as the code has units to 1024 samples, and reconstructs 256 others with them and with the model.

## Why is this bad?

Principal components are the best linear autoencoder, and cost nothing. A model with a code of the same size that is worse was not
trained to the end, or something limits it: its output's range, a rate of learning, a term of the loss.

## How it decides

It warns if the model's squared error is larger by a quarter at least and by more than three standard errors of the paired
differences. At equal errors that happens for at most 0.3 % of data sets of 256.

## Exemptions

Models that are not declared fitted; codes that are drawn or discrete, which costs accuracy on purpose; codes with as many units as
features; losses that compare with something else than the input; more than 4096 features.

## References

- Baldi and Hornik, "Neural networks and principal component analysis" (1989): <https://doi.org/10.1016/0893-6080(89)90014-2>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC235",
    name="worse-than-linear",
    summary="the fitted model is worse than principal components of the same number",
    stage=Stage.FITTED,
    gate=False,
    needs=("baselines",),
    cost="2 forwards of 256 samples, one decomposition",
)

_FEWEST = 32
_WORSE, _SLACK = 1.25, 0.01
_ERRORS = 3


def judge(observations: Observations) -> Verdict:
    """Warn if the paired differences leave no doubt."""
    found = observations.baselines
    if found.limited:
        return CHECK.skipped("the code is drawn or discrete: that costs accuracy on purpose")
    if found.units >= found.features:
        return CHECK.skipped("the code has as many units as the data have features")
    if found.samples < _FEWEST:
        return CHECK.skipped(f"cannot tell from {found.samples} different samples")
    numbers: dict[str, Any] = {
        "fvu": found.fvu,
        "linear_fvu": found.linear_fvu,
        "units": found.units,
        "samples": found.samples,
    }
    if found.excess > _ERRORS * found.excess_error and found.fvu > _WORSE * found.linear_fvu + _SLACK:
        return CHECK.failed(
            f"the trained model leaves {found.fvu:.3g} of the data's variance unexplained, {found.units} principal components leave "
            f"{found.linear_fvu:.3g} (difference {found.excess:.2g} ± {found.excess_error:.2g})",
            **numbers,
        )
    return CHECK.passed(**numbers)
