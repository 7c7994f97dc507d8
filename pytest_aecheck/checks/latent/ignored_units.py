"""The decoder makes nothing of units that carry something.

## What it does

For each unit of the code of a trained model, multiplies the derivative of the reconstruction by the unit's standard deviation over the
data, and compares the units with each other.

## Why is this bad?

A unit that tells samples apart and moves nothing is information that the encoder gathered in vain: part of the code is cut off before the
decoder, overwritten, or multiplied by next to nothing.

## How it decides

It warns if a unit that varies over the data moves the reconstruction by less than a hundredth of what the strongest unit does, by more than
two standard errors, over 256 samples. A unit at exactly a hundredth is called ignored for at most 6 % of data sets of 256 (7 % of 64); a
simulation in the test suite confirms it. The derivative is local: what only large changes of a unit would show is not seen.

## Exemptions

Models that are not declared fitted; units of a drawn code whose mean does not vary (variance below 0.01), which have collapsed and
are the subject of AEC233; codes of several parts; fewer than 32 different samples.

## References

- Hutchinson, "A stochastic estimator of the trace of the influence matrix" (1990): <https://doi.org/10.1080/03610919008812866>
- Burda et al., "Importance Weighted Autoencoders" (2016), section 5.2: <https://arxiv.org/abs/1509.00519>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC237",
    name="ignored-units",
    summary="the fitted decoder ignores units of the code that vary",
    stage=Stage.FITTED,
    gate=False,
    needs=("unit_use",),
    cost="8B on 256 samples",
)


def judge(observations: Observations) -> Verdict:
    """Warn of units without effect; say so if the sample is too small."""
    use = observations.unit_use
    numbers: dict[str, Any] = {
        "ignored": use.ignored,
        "varying": use.varying,
        "least": use.least,
        "largest": use.largest,
    }
    if use.ignored:
        return CHECK.failed(
            f"{use.ignored} of {use.varying} units that vary over the data ({use.where}) move the reconstruction by less than "
            f"{use.threshold:.0%} of what the strongest does ({use.least:.2g} against {use.largest:.2g} of the data's standard deviation)",
            **numbers,
        )
    if use.unclear:
        return CHECK.skipped(f"cannot tell from {use.samples} samples: {use.unclear} units lie about the threshold")
    return CHECK.passed(**numbers)
