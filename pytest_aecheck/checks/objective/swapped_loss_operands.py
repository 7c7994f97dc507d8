"""Prediction and target of an asymmetric loss are exchanged.

## What it does

Looks at which operand of a cross-entropy or KL divergence depends on trained parameters.

## Why is this bad?

These losses are not symmetric. With exchanged operands binary cross-entropy on logits is linear in the prediction and falls
without limit.

## How it decides

The operand in the target's place carries a gradient to parameters, the one in the prediction's place is data.

## Exemptions

Distillation, where both operands come from models.

## References

- PyTorch documentation of `binary_cross_entropy_with_logits`:
  <https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC312",
    name="swapped-loss-operands",
    summary="the loss receives the target as prediction and the prediction as target",
    needs=("objective",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on exchanged operands."""
    pairs = observations.objective.pairs
    for pair in pairs:
        if pair.swapped:
            return CHECK.failed(
                f"{pair.function} receives data as its input and the model's prediction as its target; the order is (input, target)"
            )
    return CHECK.passed(comparisons=len(pairs))
