"""What a sequence is decoded to depends on how far it was filled up.

## What it does

Takes from the model's `Embedding(padding_idx=...)` which token is padding, appends two padded steps to every sequence of the batch, and
compares the scores of the steps that are no padding. In evaluation mode, without noise.

## Why is this bad?

A recurrent encoder that reads on into the padding, or attention without a mask, gives a sequence another code in each batch: it depends on
the longest sequence that happens to be with it. The last state of a short sequence is mostly about padding.

## How it decides

It warns if a score changes by more than a thousandth of the largest. It does not fail, because many published models live with it.

## Exemptions

Models without a declared padding token, that take sequences of one length only, or whose batch is not filled up at the end.

## References

- PyTorch documentation of `pack_padded_sequence`: <https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC717",
    name="padding-changes-output",
    summary="more padding changes what a sequence is decoded to",
    gate=False,
    needs=("more_padding",),
    cost="2F",
)

_RELATIVE = 1e-3


def judge(observations: Observations) -> Verdict:
    """Warn if padding is read."""
    padding = observations.more_padding
    if padding.change > _RELATIVE:
        return CHECK.failed(
            f"two more padded steps change the scores of the others by {padding.change:.3g} of the largest: pack the sequences "
            "(pack_padded_sequence), take the state of the last step that is no padding, or mask the attention",
            change=padding.change,
        )
    return CHECK.passed(change=padding.change)
