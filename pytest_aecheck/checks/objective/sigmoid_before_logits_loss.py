"""A loss that takes logits receives probabilities.

## What it does

Reads which operation made the prediction that enters `binary_cross_entropy_with_logits`, `cross_entropy`, `nll_loss` or `kl_div`.

## Why is this bad?

Probabilities read as logits lie in [0, 1]: the loss then sees probabilities between 0.5 and 0.73 at most, gradients shrink, and
the reconstruction stays grey.

## How it decides

The last operation is a sigmoid or a softmax (for `nll_loss` and `kl_div`, also where log-probabilities belong).

## Exemptions

Log-softmax before cross-entropy, which does nothing twice.

## References

- PyTorch documentation of `BCEWithLogitsLoss`: <https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC308",
    name="sigmoid-before-logits-loss",
    summary="a loss on logits, or on log-probabilities, receives probabilities",
    needs=("objective",),
)

_EXPECTS = {
    "binary_cross_entropy_with_logits": "logits",
    "cross_entropy": "logits",
    "nll_loss": "log-probabilities",
    "kl_div": "log-probabilities",
}
_PROBABILITIES = frozenset({"sigmoid", "sigmoid_", "softmax", "gumbel_softmax"})


def judge(observations: Observations) -> Verdict:
    """Fail on a squashed prediction."""
    pairs = [pair for pair in observations.objective.pairs if pair.function in _EXPECTS]
    for pair in pairs:
        if pair.prediction_last in _PROBABILITIES:
            return CHECK.failed(
                f"{pair.function} expects {_EXPECTS[pair.function]}, but its input comes out of {pair.prediction_last} and lies in [0, 1]. "
                "Remove the activation, or use the loss for probabilities"
            )
    return (
        CHECK.passed(comparisons=len(pairs))
        if pairs
        else CHECK.skipped("the loss has no term that takes logits or log-probabilities")
    )
