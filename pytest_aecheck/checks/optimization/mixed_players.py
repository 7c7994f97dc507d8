"""One player's loss moves the other.

## What it does

Where a training step has two optimisers, follows which backward pass left which gradient, and what is there when each of them steps.

## Why is this bad?

The critic's loss on reconstructions that are not detached reaches the generator. If its gradient is added to the generator's before that
one steps, the generator is taught to be told apart, against its own loss.

## How it decides

A first backward pass reaches both players, and one of them clears what it left there: so that pass was the other's. It fails if a
second pass then adds to the other's gradients before its optimiser steps.

## Exemptions

Several losses of one player; steps in which the second player's gradients are cleared before the first pass only.

## References

- PyTorch tutorials, "DCGAN", on `detach` in the discriminator's update:
  <https://pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html>
- <https://github.com/Shubhamai/pytorch-vqgan/issues/3>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC425",
    name="mixed-players",
    summary="the gradient of one player's loss is added to the other's before it steps",
    needs=("progress",),
    cost="6 training steps, shared",
)


def judge(observations: Observations) -> Verdict:
    """Fail on a gradient of two players."""
    mixed = observations.progress.mixed
    if mixed:
        return CHECK.failed(
            f"{mixed} parameters were moved by the sum of their own loss's gradient and of one that came after the other player had cleared its "
            "own: detach the reconstruction in the critic's loss, or step before its backward pass",
            parameters=mixed,
        )
    return CHECK.passed()
