"""A leaky rectifier passes everything, or a dropout nothing.

## What it does

Looks at the slope of every leaky rectifier and the rate of every active dropout of a training forward.

## Why is this bad?

A flag that stands where the first number belongs is the number 1: `nn.LeakyReLU(True)` has slope 1 and is the identity, so that the
layers around it are one affine map; a dropout with rate 1 makes zeros of all it is given.

## How it decides

The slope is exactly 1, and negative numbers came in. The rate is exactly 1.

## Exemptions

Rectifiers that only see what is not negative; a learned slope (`PReLU`); dropout in evaluation mode.

## References

- <https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC136",
    name="identity-activation",
    summary="an activation passes everything, or a dropout nothing",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on the first such call."""
    program = observations.program
    if program.identity_activation:
        return CHECK.failed(
            f"the leaky rectifier in {program.identity_activation} has slope 1 and changes nothing: the layers around it are one "
            "affine map. Its first argument is the slope, not `inplace`"
        )
    if program.blocked_by_dropout:
        return CHECK.failed(
            f"the dropout in {program.blocked_by_dropout} has the rate 1: everything that goes through it becomes 0 in training. Its "
            "first number is the rate, not a flag"
        )
    return CHECK.passed()
