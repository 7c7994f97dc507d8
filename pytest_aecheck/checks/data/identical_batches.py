"""Batches of one epoch are identical.

## What it does

Reads one epoch (at most 64 batches) and compares the batches as ordered tuples of sample checksums.

## Why is this bad?

An iterator that forgets to advance, a `next(iter(loader))` in the loop, or workers that each read the whole
stream train the model on the same few samples over and over, and nothing raises.

## How it decides

Two batches with two or more samples are equal, sample by sample and in order, although the data are not constant.

## Exemptions

Constant data; batches of one. Oversampling and repeated data sets do not repeat whole batches in order.

## References

- PyTorch documentation, "Single- and Multi-process Data Loading", on iterable data sets and workers:
  <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC501",
    name="identical-batches",
    summary="two batches of one epoch are the same",
    needs=("loader",),
    cost="two epochs of the loader, at most 64 batches each",
)


def judge(observations: Observations) -> Verdict:
    """Count distinct batches."""
    loader = observations.loader
    if loader.error:
        return CHECK.skipped(f"the loader raised {loader.error}")
    repeats = loader.batches - loader.distinct_batches
    if loader.batches < 2 or loader.samples <= loader.batches:
        return CHECK.skipped("fewer than two batches with two or more samples")
    if loader.constant_data:
        return CHECK.failed(f"all {loader.samples} samples that the loader gave are equal", batches=loader.batches)
    if repeats:
        return CHECK.failed(
            f"only {loader.distinct_batches} of {loader.batches} batches of one epoch are different. "
            "Look for an iterator that does not advance, next(iter(loader)) in a loop, or workers that all read everything",
            batches=loader.batches,
            distinct=loader.distinct_batches,
        )
    return CHECK.passed(batches=loader.batches)
