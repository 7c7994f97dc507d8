"""The loss pushes the reconstruction away from its target.

## What it does

Compares the gradient of the loss at the prediction with the direction of the error.

## Why is this bad?

A lost minus in front of a log-likelihood, or a minus too much, makes training maximise the error.

## How it decides

The cosine between the gradient and prediction minus target is below minus one half. Healthy losses measured above 0.

## Exemptions

Comparisons whose gradient has no clear direction; adversarial and contrastive terms compare no prediction with the data.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), equation 7: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC331",
    name="reconstruction-sign",
    summary="the loss falls when the reconstruction gets worse",
    needs=("objective",),
)

_AWAY = -0.5


def judge(observations: Observations) -> Verdict:
    """Fail where every comparison of the prediction with the data points away."""
    slopes = [
        pair.slope for pair in observations.objective.pairs if pair.prediction_trained and pair.slope == pair.slope
    ]
    if not slopes:
        return CHECK.skipped("the loss compares no prediction with data of the same shape")
    if max(slopes) < _AWAY:
        return CHECK.failed(
            f"the loss grows when the prediction comes closer to its target (cosine of gradient and error {max(slopes):.2f}): "
            "the sign of the reconstruction term is wrong",
            cosine=max(slopes),
        )
    return CHECK.passed(cosine=max(slopes))
