"""The same call under the same random state gives another output.

## What it does

Calls the model twice in evaluation mode, with every generator in the same state.

## Why is this bad?

Something survives from call to call: a hidden state that is not reset, a counter, a cache, or a generator of its own.

## How it decides

The outputs are not bitwise equal; a warning, because a generator of its own may be meant. Machines whose arithmetic is not
repeatable warn too.

## Exemptions

None.

## References

- PyTorch documentation, "Reproducibility": <https://pytorch.org/docs/stable/notes/randomness.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC624",
    name="not-repeatable",
    summary="two evaluation calls under one seed differ",
    gate=False,
    needs=("hygiene",),
)


def judge(observations: Observations) -> Verdict:
    """Warn about calls that differ."""
    hygiene = observations.hygiene
    if not hygiene.repeatable:
        return CHECK.failed(
            f"two evaluation calls under the same random state differ by up to {hygiene.repeat_gap:.3g}",
            gap=hygiene.repeat_gap,
        )
    return CHECK.passed()
