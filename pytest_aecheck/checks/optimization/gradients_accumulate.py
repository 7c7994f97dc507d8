"""Gradients of one step leak into the next.

## What it does

Makes a second training step twice: once with the gradients that the first step left, once without them.

## Why is this bad?

Without `zero_grad` every step follows the sum of all gradients so far. The step size grows, and old batches keep voting.

## How it decides

The parameters differ after the two versions of the same step, under the same random state.

## Exemptions

Steps that make one update together; accumulation on purpose within a step: declare it with `exempt={"AEC403"}`.

## References

- PyTorch documentation of `Optimizer.zero_grad`: <https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC403",
    name="gradients-accumulate",
    summary="the gradients are not cleared between steps",
    needs=("step",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if leftovers matter."""
    if observations.spec.train_step is None:
        return CHECK.skipped("no train_step was declared")
    step = observations.step
    if step.error:
        return CHECK.skipped(f"the training step raised {step.error}")
    if not step.moved:
        return CHECK.skipped("one training step makes no update")
    if step.gradients_accumulate:
        return CHECK.failed(
            "the second training step moves differently when the first one's gradients are removed before it: call zero_grad()"
        )
    return CHECK.passed(steps=step.stepped)
