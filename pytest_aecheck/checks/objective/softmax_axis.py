"""Sampling and probabilities normalise the same logits over different axes.

## What it does

Finds all softmaxes of the same logits in the trace and compares how many values each normalises.

## Why is this bad?

A code of several categorical variables needs one softmax per variable. If the KL uses one softmax over all of them, its
probabilities are not those that were sampled.

## How it decides

One softmax of the logits carries noise (a sample), another does not (its probabilities), and no lengths agree.

## Exemptions

Softmaxes of different tensors, as in attention.

## References

- Jang et al., "Categorical Reparameterization with Gumbel-Softmax" (2017): <https://arxiv.org/abs/1611.01144>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC311",
    name="softmax-axis",
    summary="softmax over the wrong axis",
    needs=("objective",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on disagreeing lengths."""
    lengths = observations.objective.softmax_lengths
    if lengths:
        return CHECK.failed(
            f"the same logits are {lengths[0]}, with {lengths[1]}: reshape to (batch, variables, classes) before both"
        )
    return CHECK.passed()
