"""The model cannot learn eight samples.

## What it does

Trains a copy with Adam (learning rate 0.003, at most 400 steps) on eight samples and watches the reconstruction from the mean.

## Why is this bad?

A model that cannot even memorise eight samples will not learn a data set. Something is cut, misplaced or far too strong.

## How it decides

It fails if the reconstruction, in evaluation mode and without noise, never leaves less than 0.9 of the variance unexplained. Healthy
models needed 40 steps in the median and 230 at most. The loss is no evidence: that of a VQ-VAE may rise, and that of a VAE has a floor.

## Exemptions

Runs on request only: declare `slow=True`. Losses that are not declared; inputs that are not of floating point; logits; adversarial
losses, masked and other models whose target is not their input (exempt them).

## References

- Karpathy, "A Recipe for Training Neural Networks" (2019): <https://karpathy.github.io/2019/04/25/recipe/>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC421",
    name="cannot-overfit-one-batch",
    summary="training on eight samples does not reconstruct them",
    needs=("overfit",),
    cost="up to 400 training steps, on request",
)

_LEARNED = 0.9


def judge(observations: Observations) -> Verdict:
    """Fail if nothing was learned."""
    if not observations.spec.slow:
        return CHECK.declined("trains the model: declare slow=True")
    overfit = observations.overfit
    numbers: dict[str, Any] = {"steps": overfit.steps, "before": overfit.first, "best": overfit.best}
    if overfit.best < _LEARNED:
        return CHECK.passed(**numbers)
    return CHECK.failed(
        f"after {overfit.steps} steps on eight samples the reconstruction leaves {overfit.best:.3g} of their variance unexplained; "
        "their mean leaves 1",
        **numbers,
    )
