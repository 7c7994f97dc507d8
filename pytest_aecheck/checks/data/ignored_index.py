"""The data set gives the same item for every index.

## What it does

Reads the first, a middle and the last item of the data set under the same random state.

## Why is this bad?

A `__getitem__` that does not use its index trains the model on one sample.

## How it decides

All three are bitwise equal.

## Exemptions

Data sets of one item; data sets whose items are all equal by declaration (`exempt={"AEC502"}`).

## References

- PyTorch documentation of `torch.utils.data.Dataset`: <https://pytorch.org/docs/stable/data.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC502",
    name="ignored-index",
    summary="all items of the data set are equal",
    needs=("loader",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if the index makes no difference."""
    loader = observations.loader
    if loader.error:
        return CHECK.skipped(f"the loader raised {loader.error}")
    if loader.items_equal:
        return CHECK.failed(
            "the first, a middle and the last item of the data set are equal: does __getitem__ use its index?"
        )
    return CHECK.passed()
