"""An epoch of the training loader leaves samples out.

## What it does

Lists the indices that the loader's samplers give for one epoch, without reading a sample.

## Why is this bad?

A sampler that forgets a bucket, or a slice that is one factor too short, trains on part of the data, and nothing raises. With
`drop_last=True` and fewer samples than a batch holds, an epoch has no batch at all.

## How it decides

It fails if an epoch has no batch. It warns if a sampler that repeats nothing and is not made to choose gives less than nine tenths of the
samples, beyond what `drop_last` takes.

## Exemptions

Samplers that choose on purpose: subsets, shares of a rank, draws with replacement, a declared number of samples; streams.

## References

- PyTorch documentation of samplers: <https://pytorch.org/docs/stable/data.html#data-loading-order-and-sampler>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC522",
    name="samples-left-out",
    summary="an epoch of the training loader leaves samples out",
    needs=("coverage",),
    cost="the indices of one epoch",
)

_SHARE = 0.9


def judge(observations: Observations) -> Verdict:
    """Count indices."""
    found = observations.coverage
    numbers: dict[str, Any] = {"samples": found.samples, "read": found.distinct, "batches": found.batches}
    if found.samples and not found.batches:
        return CHECK.failed(
            f"an epoch has no batch, although the data set has {found.samples} samples: drop_last leaves out the only, incomplete one, or "
            "the sampler is empty",
            **numbers,
        )
    whole = found.distinct + found.dropped
    if not found.chooses and found.read == found.distinct and whole < _SHARE * found.samples:
        return CHECK.warned(
            f"an epoch reads {found.distinct} of {found.samples} samples; the others are never given by {found.sampler}",
            **numbers,
        )
    return CHECK.passed(**numbers)
