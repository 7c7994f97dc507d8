"""The loader raises.

## What it does

Builds the loader and reads up to 64 batches of two epochs.

## Why is this bad?

A transform that does not fit the images, or items that cannot be stacked, stop the first epoch.

## How it decides

Any exception, an empty loader, and infinite values count. NaN may stand for missing data.

## Exemptions

None.

## References

- PyTorch documentation, "Data loading": <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC500",
    name="loader-raises",
    summary="reading the loader raises",
    needs=("loader",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on an exception or on an empty loader."""
    loader = observations.loader
    if loader.error:
        return CHECK.failed(f"reading the loader raised {loader.error}")
    if not loader.batches:
        return CHECK.failed("the loader gives no batch at all")
    if loader.non_finite:
        return CHECK.failed(f"the loader gives {loader.non_finite} infinite values", values=loader.non_finite)
    return CHECK.passed(batches=loader.batches)
