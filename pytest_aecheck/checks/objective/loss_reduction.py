"""Some terms of the loss are summed over the batch, others are averaged.

## What it does

Repeats the batch two and four times and reads from the gradient at the input how much of the loss is averaged over the
batch and how much is summed.

## Why is this bad?

The balance of the terms then depends on the size of the batch. With a KL summed over a batch of 128 beside a
reconstruction error averaged over it, the KL's weight is 128 times what was meant, and the posterior collapses.

## How it decides

Over k copies of a batch the gradient at a sample is exactly `A / k + B`. It fails if both the averaged part A and the summed part B
exceed a thousandth of the whole and two numbers explain three measurements. It only warns where a scalar of the loss is multiplied or
divided by a constant, which may be the size of the batch written out.

## Exemptions

Losses that draw other than normal noise (dropout in evaluation, random masks, negative samples); terms over pairs of samples (MMD,
total correlation), which do not grow like either; inputs that are not of floating point.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), section 2.3, on both terms per data point:
  <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC305",
    name="loss-reduction",
    summary="the balance of the loss's terms depends on the size of the batch",
    needs=("scaling",),
    cost="2F and 2B on two and four samples",
)

_SHARE = 1e-3
_EXPLAINED = 1e-4


def judge(observations: Observations) -> Verdict:
    """Fail on a mixture of two kinds of terms."""
    scaling = observations.scaling
    numbers: dict[str, Any] = {"averaged": scaling.averaged, "summed": scaling.summed, "residual": scaling.residual}
    if min(scaling.averaged, scaling.summed) <= max(_SHARE, 10 * scaling.residual):
        return CHECK.passed(**numbers)
    if scaling.residual > _EXPLAINED:
        return CHECK.skipped(
            "the loss compares samples of the batch with each other: it grows neither like a sum nor like a mean"
        )
    say = CHECK.warned if scaling.divided_by_constant else CHECK.failed
    return say(
        f"part of the loss is averaged over the batch ({scaling.averaged:.3g} of the gradient at the input) and part is summed "
        f"({scaling.summed:.3g}): the balance of the two changes with the size of the batch. Reduce every term over the batch in "
        "the same way",
        **numbers,
    )
