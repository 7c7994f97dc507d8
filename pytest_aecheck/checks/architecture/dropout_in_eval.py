"""Dropout is active in evaluation mode.

## What it does

Looks for an active dropout in the trace of an evaluation forward.

## Why is this bad?

`F.dropout(x, 0.3)` drops in evaluation too, because its `training` argument defaults to True. Reconstructions are noisy and
scores change from call to call.

## How it decides

A dropout call with a probability above 0 whose `training` argument is True while the model is in evaluation mode.

## Exemptions

Noise of other kinds; Monte-Carlo dropout should be declared with `exempt={"AEC120"}`.

## References

- PyTorch documentation of `torch.nn.functional.dropout`: <https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC120",
    name="dropout-in-eval",
    summary="dropout is applied in evaluation mode",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on an active dropout."""
    found = observations.program.dropout_in_eval
    if found:
        return CHECK.failed(f"{found} is active in evaluation mode; pass training=self.training or use nn.Dropout")
    return CHECK.passed()
