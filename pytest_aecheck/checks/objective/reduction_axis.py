"""Weights multiply a loss that is already a single number.

## What it does

Looks in the loss for a scalar average that is multiplied by a tensor of weights and averaged again.

## Why is this bad?

`mse_loss(x_hat, x) * weight` averages first. What is left of the weights is their mean: a factor, the same for all pixels.

## How it decides

The scalar is the direct result of a reduction over a tensor of the weights' own shape, and the product is reduced again.

## Exemptions

Scalar weights, and weights that depend on trained parameters.

## References

- PyTorch documentation of `mse_loss`: <https://pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC316",
    name="reduction-axis",
    summary="weights are applied after the loss was averaged",
    needs=("objective",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on weights without effect."""
    found = observations.objective.weighted_after_reduction
    if found:
        return CHECK.failed(
            f'{found}: the weights have no effect but a common factor. Use reduction="none" before weighting'
        )
    return CHECK.passed()
