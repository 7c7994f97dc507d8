"""Gradients are meant to be added up over several batches, and are cleared at each.

## What it does

Where a training step makes no update, because several of them make one together, compares the gradient that the second leaves with
that of the first. Both see the same batch.

## Why is this bad?

With `zero_grad` at the start of every step and `step` at every fourth, three of four batches are thrown away, and the loss
that was divided by four makes the rest count a quarter.

## How it decides

It fails if the gradient after the second step is the first one's within one part in a hundred, where it should be twice that.

## Exemptions

Steps that update each time; steps that leave no gradient.

## References

- PyTorch documentation, "Automatic mixed precision examples", on gradient accumulation:
  <https://pytorch.org/docs/stable/notes/amp_examples.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC404",
    name="gradients-cleared-before-step",
    summary="gradients of several batches are cleared before they are used",
    needs=("progress",),
    cost="6 training steps, shared",
)

_FEWEST = 3
"""The step that updates may clear the gradients itself, so two before it are compared."""


def judge(observations: Observations) -> Verdict:
    """Fail where a sum of gradients is due and only the last is there."""
    progress = observations.progress
    if progress.first_update < _FEWEST:
        return CHECK.skipped("no three training steps make one update together")
    if progress.gradients_erased:
        return CHECK.failed(
            f"{progress.first_update} training steps make one update, but each of them removes the gradients of the one before: "
            "call zero_grad() only where step() is called",
            steps=progress.first_update,
        )
    return CHECK.passed(steps=progress.first_update)
