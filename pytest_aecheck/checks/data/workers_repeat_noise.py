"""Every worker of the loader draws the same augmentation.

## What it does

Copies the data set as two workers would get it, seeds the global generators as torch does for each, and reads an item several times.

## Why is this bad?

A generator that the data set holds (`random.Random(0)`, `numpy.random.default_rng(0)`, `torch.Generator()`) is copied into every
worker in the same state. All workers draw the same crops and the same noise, and draw them again in every epoch, so that the
augmentation adds far less variety than it seems to.

## How it decides

The item's values are random (readings in a row differ), yet two workers with different seeds get the same sequence of values. No
worker process is started. `worker_init_fn` is called, and `get_worker_info()` answers as in a worker.

## Exemptions

Loaders without workers, where a generator of one's own is fine; streams; data sets that cannot be copied. The global generators of
torch, `random` and numpy are seeded per worker by torch.

## References

- PyTorch documentation, "Randomness in multi-process data loading": <https://pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC504",
    name="workers-repeat-noise",
    summary="all workers of the loader draw the same random numbers",
    needs=("worker_noise",),
    cost="12 items of the data set",
)


def judge(observations: Observations) -> Verdict:
    """Fail on equal sequences of random values."""
    noise = observations.worker_noise
    if not noise.random:
        return CHECK.skipped("the items are not random")
    if noise.same_in_two_workers:
        epochs = ", and again in the next epoch" if noise.same_in_two_epochs else ""
        return CHECK.failed(
            f"two of {noise.workers} workers draw the same random values{epochs}: the data set holds a generator that is copied into "
            "every worker. Seed it from get_worker_info().seed in worker_init_fn, or draw from the global generator",
            workers=noise.workers,
        )
    return CHECK.passed(workers=noise.workers)
