"""The first training forward blows a codebook up, or leaves it as it was.

## What it does

Compares a table that the forward updates, and that evaluation reads, with the largest value that the pass saw. Looks for a codebook that
no forward and no gradient changes, beside an average of the same shape that the forward keeps.

## Why is this bad?

A codebook kept as a running sum divided by a running count needs counts that start with the sums. Counts that start at zero
divide by almost nothing: codes that were not chosen jump far away and are never chosen again. A quotient that is stored under another
name than the one that codes are looked up in leaves the codebook at its random start.

## How it decides

After one training forward an entry is more than ten times as large as any value before it. An average cannot be. Or a table that codes
are looked up in has no gradient and is the same after three more forwards, while another of its module, which evaluation does not
read, has moved.

## Exemptions

Running sums that evaluation does not read.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), appendix A.1: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC705",
    name="ema-counts-start-at-zero",
    summary="an average kept by the forward is larger than anything that was averaged, or never reaches the codebook",
    needs=("program",),
)

_FACTOR = 10.0


def judge(observations: Observations) -> Verdict:
    """Fail on a table that outgrew its data."""
    program = observations.program
    if program.code_blowup > _FACTOR:
        return CHECK.failed(
            f"one training forward makes {program.code_blowup_name} {program.code_blowup:.3g} times as large as anything in the pass: "
            "its counts start at zero while its sums do not",
            factor=program.code_blowup,
        )
    if program.idle_codebook:
        return CHECK.failed(
            f"the forward keeps the average {program.idle_average}, but {program.idle_codebook}, in which the codes are looked up, has no "
            "gradient and never changes: put the average into it"
        )
    return CHECK.passed(factor=program.code_blowup)
