"""The operands of the loss broadcast against each other.

## What it does

Compares the shapes of prediction and target in every elementwise loss.

## Why is this bad?

`(N, 1)` against `(N,)` becomes a table of N × N comparisons: every prediction is compared with every target, and the best
answer is the mean.

## How it decides

The function is an elementwise torch loss and the shapes differ.

## Exemptions

Differences written out by hand, where broadcasting may be meant (mixtures, several samples).

## References

- PyTorch documentation, "Broadcasting semantics": <https://pytorch.org/docs/stable/notes/broadcasting.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC313",
    name="broadcasting-loss",
    summary="prediction and target have different shapes and are broadcast",
    needs=("objective",),
)

_ELEMENTWISE = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})


def judge(observations: Observations) -> Verdict:
    """Fail on shapes that differ."""
    pairs = [pair for pair in observations.objective.pairs if pair.function in _ELEMENTWISE and pair.prediction_trained]
    for pair in pairs:
        if not pair.same_shape:
            return CHECK.failed(
                f"{pair.function} compares a prediction of shape {pair.prediction_shape} with a target of shape {pair.target_shape}: "
                "they are broadcast, so values are compared that do not belong together"
            )
    return CHECK.passed(comparisons=len(pairs))
