"""The terms of a quantiser and the reconstruction are reduced, or weighed, against each other.

## What it does

Reads from the loss's gradients how much one squared difference weighs in the reconstruction, in the codebook term and in the
commitment term.

## Why is this bad?

An average over the features of a sample beside a sum over the elements of a code makes the codebook term as many times too heavy as
the sample has features. The encoder then moves to where codes are cheap, and few entries are used. In the reverse case the
codebook is hardly trained. The weight of the commitment, 0.25 say, on the codebook term instead makes the entries follow slowly what
the encoder is pulled away from.

## How it decides

Both terms may be averages over their elements, or both sums; the ratio of the weights tells which. It fails if the ratio is, within a
thousandth, the one that an average beside a sum gives with no other weight, and this is a factor of eight or more.

It fails, too, if the commitment has no weight of its own (it is an average or a sum as it stands) while the codebook term of the same
reduction has one below 1.

## Exemptions

Codebooks that are moving averages; other than squared errors; ratios that fit a weight chosen on purpose or both readings.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), equation 3: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

import math
from typing import Any

from pytest_aecheck.observations import Observations, QuantizerBalance
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC703",
    name="commitment-weight",
    summary="quantiser terms and reconstruction are reduced, or weighed, against each other",
    needs=("quantizer_balance",),
    cost="1 forward and 4 backwards, only with a trained codebook",
)

_EXACT = 1e-3
_FACTOR = 8


def judge(observations: Observations) -> Verdict:
    """Fail on exchanged weights, and on the signature of an average beside a sum."""
    balance = observations.quantizer_balance
    if _is_exchanged(balance):
        share = balance.codebook / (balance.commitment or math.inf)
        return CHECK.failed(
            f"the codebook term weighs {share:.4g} of the commitment term, which has no weight of its own: the weight of the "
            "commitment stands on the other term. Weigh the error of the encoder's output against the detached entry",
            codebook=balance.codebook,
            commitment=balance.commitment or 0.0,
        )
    if balance.reconstruction is None:
        return CHECK.skipped("the loss holds no squared error of the reconstruction")
    return _reductions(balance, balance.codebook / balance.reconstruction)


def _is_exchanged(balance: QuantizerBalance) -> bool:
    """Whether the commitment is a plain average or sum, and the codebook's error less than that."""
    if balance.commitment is None or balance.codebook >= balance.commitment * (1 - _EXACT):
        return False
    per_batch = balance.samples * balance.vectors
    plain = (1.0, 1 / balance.samples, 1 / per_batch, 1 / (per_batch * balance.size))
    return any(_near(balance.commitment, one) for one in plain)


def _reductions(balance: QuantizerBalance, ratio: float) -> Verdict:
    both_averaged = balance.features / (balance.vectors * balance.size)
    both_summed = 1.0
    numbers: dict[str, Any] = {"ratio": ratio, "averages_would_be": both_averaged, "sums_would_be": both_summed}
    if _near(ratio, both_averaged) or _near(ratio, both_summed):
        return CHECK.passed(**numbers)
    for vectors in (1.0, balance.vectors):  # a sum over the elements of a vector, and a sum or mean over the vectors
        if balance.size >= _FACTOR and _near(ratio, balance.features / vectors):
            return CHECK.failed(
                f"the reconstruction error is averaged over {balance.features} features, the codebook's is summed over "
                f"{balance.size} elements: it weighs {ratio / both_averaged:.4g} times as much as with averages. "
                "Reduce both in the same way",
                **numbers,
            )
    if balance.features >= _FACTOR and _near(ratio, 1 / (balance.vectors * balance.size)):
        return CHECK.failed(
            f"the reconstruction error is summed over {balance.features} features, the codebook's is averaged over "
            f"{balance.size} elements: it weighs {both_averaged / ratio:.4g} times less than with averages. Reduce both in the same way",
            **numbers,
        )
    return CHECK.passed("the terms have weights of their own", **numbers)


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= _EXACT * abs(b)
