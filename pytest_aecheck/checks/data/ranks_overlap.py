"""Processes of a distributed run read the same samples, or the same order in every epoch.

## What it does

Builds the sampler of every rank in one process and compares the indices that they give, in two epochs.

## Why is this bad?

If ranks read the same samples, eight devices do the work of one. If ranks shuffle by seeds of their own, some samples are read
twice and others never. A sampler whose epoch does not matter gives every epoch the same batches.

## How it decides

It fails if ranks repeat samples beyond the padding that makes their shares equal (fewer samples than ranks), if samples are missed although
nothing is dropped, or if a sampler that shuffles gives the same order after `set_epoch(1)`. The loader's callable may take
`rank` and `world_size` (with defaults); otherwise copies of its sampler are told their rank.

## Exemptions

Loaders whose sampler has no `rank` and `num_replicas`; samplers for one process. That the training loop calls `set_epoch` cannot
be seen from here.

## References

- PyTorch documentation, `torch.utils.data.distributed.DistributedSampler`: <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC510",
    name="ranks-overlap",
    summary="ranks of a distributed run do not share out the samples",
    needs=("ranks",),
    cost="the sampler's indices for every rank, twice",
)


def judge(observations: Observations) -> Verdict:
    """Fail on repeated or missed samples and on epochs that are the same."""
    ranks = observations.ranks
    numbers: dict[str, Any] = {
        "ranks": ranks.ranks,
        "samples": ranks.samples,
        "read": ranks.read,
        "repeated": ranks.repeated,
        "missed": ranks.missed,
    }
    padding = max(0, ranks.read - ranks.samples)
    if ranks.repeated > padding or ranks.repeated >= max(ranks.ranks, 2):
        return CHECK.failed(
            f"{ranks.ranks} ranks read {ranks.read} samples, {ranks.repeated} of which another rank reads as well "
            f"({ranks.missed} of {ranks.samples} are never read). Give every rank the same seed and its own rank",
            **numbers,
        )
    if ranks.missed and not (ranks.drops_last and ranks.missed < ranks.ranks):
        return CHECK.failed(
            f"{ranks.missed} of {ranks.samples} samples are read by none of {ranks.ranks} ranks", **numbers
        )
    if ranks.shuffles and not ranks.epochs_differ:
        how = "although set_epoch was called" if ranks.has_set_epoch else "and has no set_epoch"
        return CHECK.failed(f"the {ranks.kind} shuffles, but gives two epochs the same order, {how}", **numbers)
    return CHECK.passed(**numbers)
