"""Linear layers follow each other with nothing but batch normalisation between.

## What it does

Follows the input of every linear call of a training forward back to the layer before.

## Why is this bad?

Linear layers and batch normalisation in a row are one affine map in evaluation mode: the depth is not there. Usually the
activation was left out of a loop that builds the layers.

## How it decides

Three or more linear layers, each pair separated by batch normalisation and by no activation.

## Exemptions

Chains without normalisation (deep linear networks are studied on purpose); two layers only; convolutions, where
linear bottlenecks and separable convolutions look the same.

## References

- Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2014):
  <https://arxiv.org/abs/1312.6120>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC113",
    name="linear-stack",
    summary="a chain of linear layers without activation",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a chain."""
    chain = observations.program.linear_chain
    if chain:
        return CHECK.failed(
            f"{chain} have nothing but batch normalisation between them: together they are one affine map. Add activations"
        )
    return CHECK.passed()
