"""Two processes of a distributed run read the same samples.

## What it does

Starts two processes on this machine, connects them by gloo, lets each build the declared loader, and compares what they read.

## Why is this bad?

Processes that read the same samples do the same work twice: a run on eight devices is as good as one on a single device, and its batch is
an eighth of what it seems. Processes that read different numbers of batches wait for each other for ever.

## How it decides

It fails if a process raises or does not end within a minute, if the processes share more samples than padding explains (one in ten), or if one
reads more than the other.

## Exemptions

Runs on request only: declare `slow=True`. Data sets of which more than 64 batches were read are compared up to there.

## References

- PyTorch documentation of `DistributedSampler`: <https://pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC524",
    name="processes-share-samples",
    summary="two processes of a distributed run read the same samples",
    needs=("processes",),
    cost="two processes, one epoch each, on request",
)

_SHARE = 0.1


def judge(observations: Observations) -> Verdict:
    """Fail on samples in common."""
    if not observations.spec.slow:
        return CHECK.declined("starts processes: declare slow=True")
    found = observations.processes
    if found.error:
        return CHECK.failed(f"building or reading the loader in two processes failed: {found.error}")
    numbers: dict[str, Any] = {"samples": found.samples, "shared": found.shared}
    if found.shared > _SHARE * found.samples:
        return CHECK.failed(
            f"two processes read {found.samples} samples in one epoch, and {found.shared} of them both: give the loader a DistributedSampler, "
            "or share the samples out by rank",
            **numbers,
        )
    if found.shortest != found.longest:
        return CHECK.failed(
            f"one process reads {found.shortest} samples in an epoch, the other {found.longest}: the one that ends first leaves the other waiting",
            **numbers,
        )
    return CHECK.passed(**numbers)
