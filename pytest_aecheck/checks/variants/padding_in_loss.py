"""Padded steps count in the loss.

## What it does

Takes from the model's `Embedding(padding_idx=...)` which token is padding, and looks at the loss's gradient at the scores of padded steps.

## Why is this bad?

Most steps of a padded batch are padding, which is easy to predict. The loss looks small, the gradient is about padding, and short
sequences are hardly learnt.

## How it decides

The batch holds sequences that end in two or more padded steps, and every padded step has a gradient. It warns, because some models are
meant to predict where a sequence ends by its padding.

## Exemptions

Models without a declared padding token; batches without padding, or with that token in other places; losses that leave it out.

## References

- PyTorch documentation of `CrossEntropyLoss`, on `ignore_index`: <https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC713",
    name="padding-in-loss",
    summary="padded steps count in the loss",
    gate=False,
    needs=("padding",),
)


def judge(observations: Observations) -> Verdict:
    """Warn if all padding counts."""
    padding = observations.padding
    if padding.counted == padding.steps:
        return CHECK.failed(
            f"all {padding.steps} padded steps of the batch count in the loss, beside {padding.tokens} others: give it ignore_index, or a mask",
            padded=padding.steps,
            others=padding.tokens,
        )
    return CHECK.passed(padded=padding.steps, counted=padding.counted)
