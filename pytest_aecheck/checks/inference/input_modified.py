"""The forward pass writes into its input.

## What it does

Reads the version counter of the input before and after a forward pass; it counts writes, also those of equal values.

## Why is this bad?

The caller's batch is the target of the loss. A write in place changes both sides of the comparison at once.

## How it decides

The counter moved.

## Exemptions

None.

## References

- PyTorch documentation, "Autograd mechanics", in-place operations: <https://pytorch.org/docs/stable/notes/autograd.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC621",
    name="input-modified",
    summary="a forward pass changes the input tensor in place",
    needs=("hygiene",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a write."""
    if observations.hygiene.input_modified:
        return CHECK.failed(
            "the forward pass writes into the tensor that it was given; clone it first, or use the variant without underscore"
        )
    return CHECK.passed()
