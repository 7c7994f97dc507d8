"""The reconstruction error is averaged where the codebook's is summed, or the reverse.

## What it does

Reads from the loss's gradients how much one squared difference weighs in the reconstruction and how much in the codebook term.

## Why is this bad?

An average over the features of a sample beside a sum over the elements of a code makes the codebook term as many times too heavy as
the sample has features. The encoder then moves to where codes are cheap, and few entries are used. In the reverse case the
codebook is hardly trained.

## How it decides

Both terms may be averages over their elements, or both sums; the ratio of the weights tells which. It fails if the ratio is, within a
thousandth, the one that an average beside a sum gives with no other weight, and this is a factor of eight or more.

## Exemptions

Codebooks that are moving averages; other than squared errors; ratios that fit a weight chosen on purpose or both readings.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), equation 3: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC703",
    name="codebook-balance",
    summary="one of reconstruction and codebook error is averaged over its elements, the other summed",
    needs=("quantizer_balance",),
    cost="1 forward and 2 backwards, only with a trained codebook",
)

_EXACT = 1e-3
_FACTOR = 8


def judge(observations: Observations) -> Verdict:
    """Fail on the signature of an average beside a sum."""
    balance = observations.quantizer_balance
    both_averaged = balance.features / (balance.vectors * balance.size)
    both_summed = 1.0
    numbers: dict[str, Any] = {"ratio": balance.ratio, "averages_would_be": both_averaged, "sums_would_be": both_summed}
    if _near(balance.ratio, both_averaged) or _near(balance.ratio, both_summed):
        return CHECK.passed(**numbers)
    for vectors in (1.0, balance.vectors):  # a sum over the elements of a vector, and a sum or mean over the vectors
        if balance.size >= _FACTOR and _near(balance.ratio, balance.features / vectors):
            return CHECK.failed(
                f"the reconstruction error is averaged over {balance.features} features, the codebook's is summed over "
                f"{balance.size} elements: it weighs {balance.ratio / both_averaged:.4g} times as much as with averages. "
                "Reduce both in the same way",
                **numbers,
            )
    if balance.features >= _FACTOR and _near(balance.ratio, 1 / (balance.vectors * balance.size)):
        return CHECK.failed(
            f"the reconstruction error is summed over {balance.features} features, the codebook's is averaged over "
            f"{balance.size} elements: it weighs {both_averaged / balance.ratio:.4g} times less than with averages. Reduce both in the same way",
            **numbers,
        )
    return CHECK.passed("the terms have weights of their own", **numbers)


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= _EXACT * abs(b)
