"""The trained decoder gives the same whatever the code is.

## What it does

Decodes every sample with the code of another sample and measures how much the reconstructions change.

## Why is this bad?

This is what posterior collapse looks like from the decoder's side: a powerful decoder, or one that sees the data by another
way, models them without the code. The loss looks fine; generation, interpolation and retrieval by codes do not work.

## How it decides

It measures the root mean square change over the standard deviation of the data. It fails if this is below 0.05 by more than two
standard errors, warns if it is below 0.25 by as much, and cannot tell if the threshold lies within the error. Models that learned measured
at least 0.36, collapsed ones at most 0.011. At a true value of 0.25 it warns for at most 5 % of data sets of 256 (6 % of 64); a simulation in the test
suite confirms it.

## Exemptions

Models that are not declared fitted; inputs that are not of floating point; fewer than 32 different samples; models in which no latent is
drawn and no module is called decoder.

## References

- Bowman et al., "Generating Sentences from a Continuous Space" (2016), section 3.1: <https://arxiv.org/abs/1511.06349>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC232",
    name="decoder-ignores-code",
    summary="exchanging the codes of samples does not change what the fitted model decodes",
    stage=Stage.FITTED,
    needs=("code_use",),
    cost="2 forwards of 256 samples",
)

_IGNORED = 0.05
_LITTLE = 0.25


def judge(observations: Observations) -> Verdict:
    """Fail, warn, pass, or say that the sample is too small."""
    code = observations.code_use
    numbers: dict[str, Any] = {"use": code.use, "standard_error": code.use_error, "samples": code.samples}
    highest, lowest = code.use + 2 * code.use_error, code.use - 2 * code.use_error
    measured = (
        f"decoding with the code of another sample changes the reconstruction by {code.use:.3g} ± {code.use_error:.2g} of the "
        "data's standard deviation"
    )
    if highest < _IGNORED:
        return CHECK.failed(f"{measured}: the decoder ignores the code ({code.where})", **numbers)
    if highest < _LITTLE:
        return CHECK.warned(f"{measured}: the decoder hardly uses the code ({code.where})", **numbers)
    if lowest < _LITTLE:
        return CHECK.skipped(f"cannot tell from {code.samples} samples: {measured}")
    return CHECK.passed(**numbers)
