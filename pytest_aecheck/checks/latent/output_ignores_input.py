"""The reconstruction does not depend on the input.

## What it does

In training mode, takes the gradient of the reconstruction (projected on a random direction) at every row of
the input.

## Why is this bad?

An autoencoder whose output is the same for every input can only learn the average of the data. The usual
causes are a rectified code whose units are all dead, a constant initialisation, a decoder that does not use
the code, or a `detach` between encoder and decoder.

## How it decides

The gradient must not be exactly zero for every row. If it is, up to three small sign steps of the loss are
made (1e-3 per parameter) and the question is asked again, so that a zero-initialised last layer is no fault.
For integer input the gradient is taken at the first floating-point tensors made from it.

## Exemptions

A model that rounds its code without a straight-through gradient fails, although its output varies: it cannot
be trained through the code either.

## References

- Karpathy, "A Recipe for Training Neural Networks" (2019): <https://karpathy.github.io/2019/04/25/recipe/>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC200",
    name="output-ignores-input",
    summary="the reconstruction does not depend on the input",
    needs=("dependence",),
    cost="shared",
)


def judge(observations: Observations) -> Verdict:
    """Fail if no row has a gradient, at the start and after small steps."""
    dependence = observations.dependence
    if dependence.rows_without_gradient < dependence.rows:
        return CHECK.passed(rows=dependence.rows, rows_without_gradient=dependence.rows_without_gradient)
    reason = (
        f"its gradient at the input is exactly 0 for all {dependence.rows} samples"
        if dependence.connected
        else "autograd finds no path from the output back to the input"
    )
    steps = f", also after {dependence.steps_tried} small training steps" if dependence.steps_tried else ""
    return CHECK.failed(
        f"the output does not vary with the input: {reason}{steps}. Look for a code whose units are all rectified to 0 "
        "(AEL201), constant weights (AEL401), a detach on the way (AEL406), or a decoder that does not read the code",
        where=dependence.where,
        rows=dependence.rows,
        rows_without_gradient=dependence.rows_without_gradient,
    )
