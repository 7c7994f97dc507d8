"""The search in a codebook cannot reach some entries, or does not take the best one.

## What it does

Finds every search whose result is looked up in a table of the model. It compares the number of entries that are searched with the
rows of the table, and the entries taken with a search by hand.

## Why is this bad?

Entries that are never searched are never used: the codebook is smaller than declared. A search for the farthest entry, or by a
distance with a wrong term, quantises badly and drives the encoder away from its codes.

## How it decides

It fails if the search chooses among fewer entries than the table has, or if fewer than 90 % of at least 16 vectors got an entry that
is best by Euclidean distance, by angle, or by inner product, within rounding; or at most half of 6 to 15 vectors did.

## Exemptions

Indices that are computed further before they are looked up (offsets of several codebooks in one table); searches whose operands cannot
be found; draws instead of a search.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), equation 2: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations, Quantizer
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC704",
    name="unreachable-codes",
    summary="a search in a codebook leaves entries out or does not take the nearest",
    needs=("quantizers",),
)

_AGREE = 0.9
_FEWEST = 16
_MOST_WRONG, _FEW = 0.5, 6
"""From few vectors, only a search that is wrong more often than right."""


def judge(observations: Observations) -> Verdict:
    """Fail on the first search that is wrong."""
    quantizers = observations.quantizers
    for one in quantizers:
        if one.searched < one.entries:
            return CHECK.failed(
                f"the search in {one.where} chooses among {one.searched} of {one.entries} entries of the codebook: the others "
                "can never be used",
                searched=one.searched,
                entries=one.entries,
            )
        if _disagrees(one):
            return CHECK.failed(
                f"only {one.agreement:.0%} of {one.vectors} vectors got the entry of the codebook that is nearest (or most "
                f"aligned) in {one.where}. Look at the sign and the terms of the distance, and at argmin against argmax",
                agreement=one.agreement,
                vectors=one.vectors,
            )
    return CHECK.passed(searches=len(quantizers), compared=sum(one.vectors for one in quantizers))


def _disagrees(one: Quantizer) -> bool:
    surely = one.vectors >= _FEWEST and one.agreement < _AGREE
    return surely or (one.vectors >= _FEW and one.agreement <= _MOST_WRONG)
