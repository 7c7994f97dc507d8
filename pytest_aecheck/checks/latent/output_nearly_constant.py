"""The reconstruction is the same for every sample of the batch.

## What it does

In evaluation mode, compares the reconstructions of different samples.

## Why is this bad?

A fitted autoencoder that gives one image for everything has learned the mean of its data. Deep stacks that
start this way mostly stay there.

## How it decides

The largest deviation between two rows is at most eight units in the last place of the largest value.

## Exemptions

Zero-initialised heads and codebooks at the start legitimately give one output, so this only warns until the
model is declared fitted.

## References

- He et al., "Delving Deep into Rectifiers" (2015): <https://arxiv.org/abs/1502.01852>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC222",
    name="output-nearly-constant",
    summary="the reconstruction is the same for all samples up to rounding",
    needs=("output",),
)


def judge(observations: Observations) -> Verdict:
    """Warn at the start of training, fail for a fitted model."""
    output = observations.output
    if not output.varies_over_input:
        return CHECK.skipped("all samples of the batch are equal")
    limit = 8 * output.epsilon
    if output.relative_spread > limit:
        return CHECK.passed(relative_spread=output.relative_spread)
    message = (
        f"all {output.shape[0]} reconstructions are equal up to rounding: they deviate by {output.relative_spread:.2g} of the "
        f"largest value (limit {limit:.2g}), although the inputs differ"
    )
    say = CHECK.failed if observations.spec.stage is Stage.FITTED else CHECK.warned
    return say(message, relative_spread=output.relative_spread)
