"""Most samples of a batch are copies of each other.

## What it does

Counts distinct samples within each batch.

## Why is this bad?

A batch of copies carries the information of one sample. The causes are an index that is ignored in part, or workers that read
the same items.

## How it decides

More than 90 % of a batch are duplicates. Tiny binary images reach 59 %, oversampling 25 %.

## Exemptions

Constant data, which `identical-batches` reports.

## References

- PyTorch documentation, "Data loading": <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC521",
    name="duplicate-samples",
    summary="nearly all samples of one batch are the same",
    gate=False,
    needs=("loader",),
)

_SHARE = 0.9


def judge(observations: Observations) -> Verdict:
    """Warn about batches of copies."""
    loader = observations.loader
    if loader.error or loader.constant_data:
        return CHECK.skipped("there is no varied data to count")
    if loader.duplicate_share > _SHARE:
        return CHECK.failed(
            f"{loader.duplicate_share:.0%} of a batch are copies of other samples in it", share=loader.duplicate_share
        )
    return CHECK.passed(share=loader.duplicate_share)
