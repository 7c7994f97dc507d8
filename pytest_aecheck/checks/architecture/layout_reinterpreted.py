"""A feature map is cut into vectors without moving its channels to the end.

## What it does

Compares the vectors that a codebook is searched for with the pixels of the convolution's result that they were made from.

## Why is this bad?

`z.view(-1, channels)` on a map of shape (B, C, H, W) takes runs of C neighbouring pixels of one channel. Nothing raises, for the numbers
of elements agree; but the codebook quantises strips of pixels, and not what the network computed at a place.

## How it decides

The vectors are a view of the result of a convolution, have as many elements as it has channels, and at least half of them are not the
channels of any pixel.

## Exemptions

Vectors with another number of elements than channels; maps with as many pixels as channels, whose rows may be whole channels;
vectors that were normalised or projected.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), section 3.2: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC108",
    name="layout-reinterpreted",
    summary="vectors for a codebook are cut from a feature map across its pixels",
    needs=("quantizers",),
)

_MOST = 0.5


def judge(observations: Observations) -> Verdict:
    """Fail on the first search whose vectors mix pixels."""
    quantizers = observations.quantizers
    for one in quantizers:
        if one.mixing >= _MOST:
            return CHECK.failed(
                f"{one.mixing:.0%} of the vectors that are looked up in {one.where} hold numbers of several pixels: the feature map was "
                "reshaped with its channels in second place. Permute it to (B, H, W, C) before, and back after",
                where="" if one.where == "the model" else one.where,
                mixing=one.mixing,
            )
    return CHECK.passed(searches=len(quantizers))
