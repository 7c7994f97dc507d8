"""A training step raises, at once or after others.

## What it does

Makes training steps in a row on a copy of the model, on one batch.

## Why is this bad?

What is computed once and kept (a projection of the data, a running mean that was not detached) can be used for one backward pass
only. The second step ends with "Trying to backward through the graph a second time"; the usual cure, `retain_graph=True`, hides
the fault and fills the memory.

## How it decides

Up to six updates are made. It fails if a step raises.

## Exemptions

None.

## References

- PyTorch documentation, "Autograd mechanics": <https://pytorch.org/docs/stable/notes/autograd.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC423",
    name="step-raises",
    summary="the training step raises, the first time or a later one",
    needs=("progress",),
    cost="6 training steps, shared",
)


def judge(observations: Observations) -> Verdict:
    """Fail on an error."""
    progress = observations.progress
    if progress.error:
        which = "the first training step" if progress.steps == 1 else f"training step {progress.steps}"
        return CHECK.failed(f"{which} raised {progress.error}", step=progress.steps)
    return CHECK.passed(steps=progress.steps)
