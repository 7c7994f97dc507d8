"""The last batch holds one sample, and the model normalises over the batch.

## What it does

Looks at the size of the last batch and for batch normalisation in the model.

## Why is this bad?

Batch normalisation raises on a single value per channel, at the end of the first epoch.

## How it decides

The last batch has one sample.

## Exemptions

Convolutional features with more than one position per channel survive; so this warns.

## References

- Ioffe and Szegedy, "Batch Normalization" (2015): <https://arxiv.org/abs/1502.03167>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC509",
    name="last-batch-of-one",
    summary="the last batch of an epoch has one sample, which batch normalisation cannot take",
    gate=False,
    needs=("loader",),
)


def judge(observations: Observations) -> Verdict:
    """Warn about a single last sample."""
    loader = observations.loader
    if loader.error or loader.batches < 2 or loader.batches >= 64:
        return CHECK.skipped("the last batch of an epoch was not seen")
    if loader.last_batch == 1 and loader.has_batch_norm:
        return CHECK.failed(
            "the last batch of an epoch has one sample and the model has batch normalisation: pass drop_last=True"
        )
    return CHECK.passed(last_batch=loader.last_batch)
