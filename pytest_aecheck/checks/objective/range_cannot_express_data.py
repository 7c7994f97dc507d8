"""The output layer cannot produce the values that the target has.

## What it does

Reads the interval in which the prediction must lie from the operations that made it (a sigmoid gives [0, 1], a
ReLU [0, ∞), a rescaled tanh whatever its constants say) and compares it with the target that the loss received.

## Why is this bad?

A sigmoid cannot reconstruct images that were normalised to [-1, 1]: half of the data is out of reach, and
the reconstruction error has a floor that no training removes.

## How it decides

More than 1 % of the target's values lie outside the interval by more than a thousandth of its width: more than 10 % of
them, or some by more than a tenth of the width. A scaling that was fitted to other rows leaves a few values just outside. For binary
cross-entropy the target must lie in [0, 1], whatever the prediction is.

## Exemptions

An output range that is wider than the data is no fault (tanh against data in [0, 1]). Differences that enter no
distance, and targets that are not data, are not judged.

## References

- PyTorch documentation of `BCELoss`: <https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations, OperandPair
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC310",
    name="range-cannot-express-data",
    summary="the output's range does not cover the values of the target",
    needs=("objective",),
)

_DISTANCES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub", "sub_", "rsub"})
_LIKELIHOODS = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
_SHARE = 0.01
_MANY = 0.1
_FAR = 0.1
_SUM = 0.5


def judge(observations: Observations) -> Verdict:
    """Look at every comparison inside the loss."""
    pairs = [pair for pair in observations.objective.pairs if pair.prediction_trained]
    for pair in pairs:
        if pair.function in _DISTANCES and _is_out_of_reach(pair):
            return CHECK.failed(
                f"the prediction ends in {pair.prediction_last} and lies in {_interval(pair)}, but {pair.share_outside:.0%} of the "
                f"target lies outside: its values are in [{pair.target_low:.4g}, {pair.target_high:.4g}]. "
                "Change the output activation or the normalisation of the data",
                share_outside=pair.share_outside,
            )
        if pair.function in _DISTANCES | _LIKELIHOODS and pair.sum_gap > _SUM:
            return CHECK.failed(
                f"the prediction comes out of a softmax and sums to 1, but the target's sums are {pair.sum_gap:.3g} away from 1 on average",
                sum_gap=pair.sum_gap,
            )
        if pair.function in _LIKELIHOODS and (pair.target_low < -1e-3 or pair.target_high > 1 + 1e-3):
            return CHECK.failed(
                f"{pair.function} needs targets in [0, 1], but they are in [{pair.target_low:.4g}, {pair.target_high:.4g}]",
                target_low=pair.target_low,
                target_high=pair.target_high,
            )
    return CHECK.passed(comparisons=len(pairs))


def _is_out_of_reach(pair: OperandPair) -> bool:
    return pair.share_outside > _SHARE and (pair.share_outside > _MANY or pair.furthest_outside > _FAR)


def _interval(pair: OperandPair) -> str:
    low = "(-inf" if pair.prediction_low == float("-inf") else f"[{pair.prediction_low:.4g}"
    high = "inf)" if pair.prediction_high == float("inf") else f"{pair.prediction_high:.4g}]"
    return f"{low}, {high}"
