"""A sample alone gives another output than the same sample in a batch.

## What it does

In evaluation mode, with the same normal noise everywhere, compares the last sample's output in the batch with its output alone.

## Why is this bad?

A positional encoding that is added along the batch axis gives every sample the code of its place in the batch. Training runs,
and the same sample means something else in the next batch. A `squeeze()` without an axis drops the axis of samples of a batch of one:
the last batch of an epoch, or the first request in production, raises or broadcasts.

## How it decides

Fails if the outputs differ by more than 1 % of the largest value *and* the trace shows where a constant that differs from
sample to sample is added to the activations. A difference alone only warns, above one in ten thousand. Fails as well if an output
of one sample lacks the axis of samples that the output of seven has.

## Exemptions

Models that draw anything but normal noise in evaluation; batches whose size cannot be chosen.

## References

- Vaswani et al., "Attention Is All You Need" (2017), section 3.5: <https://arxiv.org/abs/1706.03762>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC152",
    name="batch-of-one",
    summary="a sample alone gives another output than in a batch, or one of another shape",
    needs=("mixing",),
)

_FAIL, _WARN = 1e-2, 1e-3


def judge(observations: Observations) -> Verdict:
    """Fail where cause and effect are both seen."""
    mixing = observations.mixing
    if mixing.lost:
        return CHECK.failed(
            f"a batch of one sample loses its axis: {mixing.lost}. Look for `squeeze()` without an axis, which drops the "
            "axis of samples, too: name the axis, or use `flatten(1)`"
        )
    if not mixing.alone_comparable:
        return CHECK.skipped("the outputs of one sample and of a batch cannot be compared")
    if mixing.alone > _FAIL and mixing.positional:
        return CHECK.failed(
            f"the last sample's output changes by {mixing.alone:.2g} of the largest value when it is alone in the batch: "
            f"{mixing.positional}, one row per sample. Check which axis is the batch (batch_first)",
            deviation=mixing.alone,
        )
    if mixing.alone > _WARN:
        return CHECK.warned(
            f"the last sample's output changes by {mixing.alone:.2g} of the largest value when it is alone in the batch",
            deviation=mixing.alone,
        )
    return CHECK.passed(deviation=mixing.alone)
