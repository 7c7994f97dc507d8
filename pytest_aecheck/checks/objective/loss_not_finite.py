"""The loss or its gradient is infinite or NaN on the user's own data.

## What it does

Evaluates the declared loss, and its gradient, on three batches in training mode.

## Why is this bad?

One infinite value turns every parameter into NaN at the next step. In a VAE the usual cause is `exp` of a
log-variance that is neither bounded nor fed with scaled data; others are `log(0)` and a division by the
batch's own spread.

## How it decides

Every loss and every gradient entry must be finite. The first call whose result is not is reported.

## Exemptions

None on your own batch. Artificially scaled inputs are not tried: most healthy models overflow on them.

## References

- Child, "Very Deep VAEs" (2021), appendix on stability: <https://arxiv.org/abs/2011.10650>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC300",
    name="loss-not-finite",
    summary="the loss or its gradient is infinite or NaN on the declared data",
    needs=("objective",),
    cost="3F 3B",
)


def judge(observations: Observations) -> Verdict:
    """Fail on any value that is not finite."""
    objective = observations.objective
    if not objective.finite:
        return CHECK.failed(
            "the loss is not finite on the declared data: " + ", ".join(f"{value:.4g}" for value in objective.values),
            where=objective.where,
        )
    if not objective.gradients_finite:
        return CHECK.failed(
            "the loss is finite, but its gradient holds infinite or NaN entries", loss=objective.values[0]
        )
    return CHECK.passed(loss=objective.values[0])
