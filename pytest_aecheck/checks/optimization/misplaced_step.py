"""The optimiser's step is not where it belongs.

## What it does

Watches the optimiser during one training step: whether it steps, with which gradients, and what happens to them afterwards.

## Why is this bad?

A step before `backward` moves nothing; clipping after the step clips what is thrown away; a training step that never updates
trains nothing.

## How it decides

No parameter moved; or a step was made while every gradient was missing or zero; or gradients were rescaled after the step
by a common factor of at most one per parameter.

## Exemptions

Gradients that a later phase of the same step adds to; several steps (64 at most) that make one update together.

## References

- PyTorch documentation of `clip_grad_norm_`: <https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC405",
    name="misplaced-step",
    summary="the training step does not update, updates without gradient, or edits gradients after the update",
    needs=("step", "progress"),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a step without effect, or on late clipping."""
    if observations.spec.train_step is None:
        return CHECK.skipped("no train_step was declared")
    step = observations.step
    if step.error:
        return CHECK.skipped(f"the training step raised {step.error}")
    if not step.moved and step.stepped == 0 and observations.progress.first_update:
        return CHECK.passed(steps_for_one_update=observations.progress.first_update)
    if not step.moved:
        return CHECK.failed(
            "one training step changed no parameter: is optimizer.step() called, and on this model's parameters?"
        )
    if step.stepped_without_gradient:
        return CHECK.failed(
            "optimizer.step() was called while every gradient was missing or zero: it must follow backward()"
        )
    if step.gradients_edited_after_step:
        return CHECK.failed(
            "the gradients are rescaled after optimizer.step(): clip them between backward() and step()"
        )
    if step.unmoved:
        return CHECK.warned(
            f"{len(step.unmoved)} parameters have a gradient and did not move: {', '.join(step.unmoved[:4])}"
        )
    return CHECK.passed(moved=len(step.moved))
