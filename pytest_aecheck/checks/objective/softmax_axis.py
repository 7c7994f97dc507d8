"""A softmax normalises over another axis than the one that what follows needs.

## What it does

Finds all softmaxes of the same logits in the trace and compares how many values each normalises. Follows the weights of attention
from their softmax to the product with the values.

## Why is this bad?

A code of several categorical variables needs one softmax per variable. If the KL uses one softmax over all of them, its
probabilities are not those that were sampled. Attention weights that sum to one over the queries do not average the values: a query
may get ten times all of them, or nothing.

## How it decides

One softmax of the logits carries noise (a sample), another does not (its probabilities), and no lengths agree. Or the softmax of a
product of two activations goes into another product, perhaps transposed or with dropout, which sums over an axis that is not the
normalised one.

## Exemptions

Softmaxes of different tensors. Attention whose weights anything else reads: slots compete for positions, and their weights are
normalised again afterwards.

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
    crossed = observations.objective.crossed_attentions
    if crossed:
        return CHECK.failed(
            f"{crossed[0]}, and the product with the values sums over another axis. Take the softmax over that one"
        )
    return CHECK.passed()
