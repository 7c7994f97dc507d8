"""The output is the input.

## What it does

Compares the reconstruction of an untrained model with the input.

## Why is this bad?

An untrained autoencoder cannot reconstruct. If it does, the input reaches the output on a path around the code (a residual
connection over everything, or the wrong variable returned).

## How it decides

The error is below one millionth of the data's variance at the start. Untrained models measured no less than 1.

## Exemptions

Fitted models, and models declared with `skips=True`.

## References

- Karpathy, "A Recipe for Training Neural Networks" (2019): <https://karpathy.github.io/2019/04/25/recipe/>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC151",
    name="returns-input",
    summary="the untrained model already returns its input",
    needs=("output",),
)

_IDENTICAL = 1e-6


def judge(observations: Observations) -> Verdict:
    """Fail if nothing needs to be learned."""
    spec, output = observations.spec, observations.output
    if spec.stage is Stage.FITTED or spec.skips:
        return CHECK.declined("a fitted model, or one with declared skip connections, may return its input")
    if output.distinct_error < _IDENTICAL:
        return CHECK.failed(
            f"the untrained model returns its input: the squared error is {output.distinct_error:.2g} of the data's variance. "
            "Look for a path around the code, or for the wrong variable being returned",
            error=output.distinct_error,
        )
    return CHECK.passed(error=output.distinct_error)
