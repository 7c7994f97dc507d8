"""An evaluation forward changes parameters or buffers.

## What it does

Compares all parameters and buffers before and after a forward in evaluation mode.

## Why is this bad?

Running averages or codebooks that move at inference make the result depend on what was scored before.

## How it decides

Any value differs. It only warns where a second pass, made from the changed state, gives the same output: then it is a count
that nothing reads, of codes in use say.

## Exemptions

None.

## References

- Ioffe and Szegedy, "Batch Normalization" (2015), section 3.1: <https://arxiv.org/abs/1502.03167>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC622",
    name="state-changed-in-eval",
    summary="parameters or buffers change during a forward in evaluation mode",
    needs=("hygiene",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a changed value."""
    hygiene = observations.hygiene
    changed = hygiene.state_changed
    if not changed:
        return CHECK.passed()
    message = f"a forward pass in evaluation mode changes {', '.join(changed[:4])}"
    if not hygiene.state_acts:
        return CHECK.warned(f"{message}; the next output stays the same", tensors=len(changed))
    return CHECK.failed(message, tensors=len(changed))
