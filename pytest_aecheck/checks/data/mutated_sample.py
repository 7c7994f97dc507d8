"""Reading the loader changes the stored data.

## What it does

Takes checksums of the arrays that the data set holds, reads two epochs, and compares; reads one item twice under one random
state.

## Why is this bad?

An augmentation in place edits the cached image, so that each epoch starts from what the last one left: holes, noise and
scalings pile up.

## How it decides

A stored array changed *and* the same item differs between two readings under the same random state.

## Exemptions

Buffers that are overwritten each time, caches that fill up, and generators that the data set owns: each meets only one of the
two conditions.

## References

- NumPy documentation, "Copies and views": <https://numpy.org/doc/stable/user/basics.copies.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC508",
    name="mutated-sample",
    summary="the data set's stored samples are changed in place",
    needs=("loader",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if both signs are there."""
    loader = observations.loader
    if loader.error:
        return CHECK.skipped(f"the loader raised {loader.error}")
    if loader.stored_data_changed and loader.items_change:
        return CHECK.failed(
            f"reading the loader changes the data set's own data ({loader.stored_data_changed}), and the same item is different the second "
            "time: copy the sample before changing it"
        )
    return CHECK.passed()
