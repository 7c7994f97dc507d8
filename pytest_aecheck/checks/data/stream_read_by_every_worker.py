"""Every worker of the loader reads the whole stream.

## What it does

Reads the first 32 items of an iterable data set as the first and as the second worker would, with their own seeds and
`get_worker_info()`. No worker is started.

## Why is this bad?

An iterable data set is copied into each worker. If it does not ask which worker it is in, each gives everything: with four workers an
epoch holds every sample four times, in batches that repeat each other.

## How it decides

It fails if both workers give the same different items in the same order.

## Exemptions

Fewer than two workers; data sets with indices, which the sampler shares out; data pipes, which torch shares out; streams of equal items.

## References

- PyTorch documentation of `IterableDataset`, with the two ways to share out a stream:
  <https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC523",
    name="stream-read-by-every-worker",
    summary="each worker of the loader reads the whole stream",
    needs=("stream",),
    cost="64 items of the stream",
)


def judge(observations: Observations) -> Verdict:
    """Compare two workers item by item."""
    found = observations.stream
    if found.compared < 2 or found.distinct < 2:
        return CHECK.skipped("the stream gives fewer than two different items")
    if found.equal == found.compared:
        return CHECK.failed(
            f"the first {found.compared} items of two workers are the same: with {found.workers} workers every sample of the stream comes "
            f"{found.workers} times in an epoch. Share the stream out by torch.utils.data.get_worker_info()",
            workers=found.workers,
            compared=found.compared,
        )
    return CHECK.passed(workers=found.workers, equal=found.equal)
