"""A batch changes when the next one is drawn.

## What it does

Keeps each batch, draws the next, and compares the kept one with its checksums.

## Why is this bad?

Whoever collects batches (for an epoch's codes, for a replay buffer) ends up with many references to the last one.

## How it decides

The checksums of a kept batch change.

## Exemptions

None.

## References

- PyTorch documentation, "Working with collate_fn": <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC511",
    name="aliased-batch",
    summary="consecutive batches share memory",
    needs=("loader",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on shared memory."""
    loader = observations.loader
    if loader.error:
        return CHECK.skipped(f"the loader raised {loader.error}")
    if loader.aliased:
        return CHECK.failed(
            "a batch changes when the next one is drawn: the loader fills one buffer again and again; return a copy"
        )
    return CHECK.passed()
