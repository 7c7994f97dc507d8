"""Cutting into patches and putting them back does not give the image.

## What it does

Calls `patchify` and `unpatchify` (or pairs of similar names) one after the other on the batch.

## Why is this bad?

Two axis orders that disagree shuffle pixels within every patch. A loss on patches does not notice; every picture is wrong.

## How it decides

The result differs from the input by more than a thousandth of its spread.

## Exemptions

Pairs that need more arguments, or that return another shape.

## References

- He et al., "Masked Autoencoders Are Scalable Vision Learners" (2022): <https://arxiv.org/abs/2111.06377>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC723",
    name="patches-not-restored",
    summary="unpatchify does not undo patchify",
    needs=("inverses",),
)

_SPREAD = 1e-3


def judge(observations: Observations) -> Verdict:
    """Fail on a pair that is no inverse."""
    gaps = observations.inverses.gaps
    for pair, gap in gaps:
        if gap > _SPREAD:
            return CHECK.failed(
                f"{pair} differs from x by {gap:.3g} of its spread: the two disagree on the order of axes", gap=gap
            )
    return CHECK.passed(pairs=len(gaps))
