"""The masked loss counts what the encoder sees.

## What it does

By gradients, finds which elements of the input the prediction can see and which the loss counts.

## Why is this bad?

A masked autoencoder learns by predicting what it does not see. With an inverted mask it predicts what it was shown; with a mask that
is off by one, some hidden patches are never trained.

## How it decides

Only where the seen elements change with the random state and neither set is everything. It fails if one set contains the other,
if nothing is both and some elements are neither although they are not zero, or if the loss counts exactly as much as is hidden but
partly other elements: then the order of the patches was lost.

## Exemptions

Losses over all elements; padding (not random); masks that keep some of the masked tokens on purpose.

## References

- He et al., "Masked Autoencoders Are Scalable Vision Learners" (2022): <https://arxiv.org/abs/2111.06377>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC721",
    name="loss-on-visible-patches",
    summary="masking and loss do not complement each other",
    needs=("masking",),
)

_ALL = 0.999
_SLACK = 1e-3


def judge(observations: Observations) -> Verdict:
    """Compare the two sets."""
    masking = observations.masking
    if not masking.random or masking.seen > _ALL or masking.counted > _ALL or not masking.seen or not masking.counted:
        return CHECK.skipped("the loss is not that of a masked autoencoder")
    numbers: dict[str, Any] = {
        "seen": masking.seen,
        "counted": masking.counted,
        "both": masking.both,
        "neither": masking.neither,
    }
    if masking.both >= min(masking.seen, masking.counted) - _SLACK:
        return CHECK.failed(
            f"the loss counts {masking.counted:.0%} of the input, the encoder sees {masking.seen:.0%}, and they share {masking.both:.0%}: the mask of the loss or the choice of "
            "visible patches is inverted",
            **numbers,
        )
    if masking.both == 0 and masking.neither > _SLACK:
        return CHECK.failed(
            f"{masking.neither:.1%} of the input are hidden from the encoder and not counted by the loss: the mask does not match the "
            "hidden patches (is there an offset by a class token?)",
            **numbers,
        )
    if abs(masking.seen + masking.counted - 1) < _SLACK and masking.both > _SLACK:
        return CHECK.failed(
            f"the loss counts {masking.counted:.0%} of the input, as much as is hidden from the encoder, but other parts of it: "
            f"{masking.both:.1%} are seen and counted, {masking.neither:.1%} neither. The order of the patches is lost between the two: "
            "restore it with the argsort of the shuffled indices",
            **numbers,
        )
    return CHECK.passed(**numbers)
