"""The sparsity penalty is linear in a signed code.

## What it does

Looks in the loss for a sum or mean of a code that also feeds the decoder.

## Why is this bad?

`z.mean()` in place of `z.abs().mean()` rewards large negative codes: the penalty falls without limit and nothing becomes sparse.

## How it decides

The summed tensor comes straight out of a linear or convolutional layer, can be negative without bound, is negative somewhere, and
feeds the reconstruction.

## Exemptions

Rectified codes, whose sum is their L1 norm; mean and scale of a posterior.

## References

- Ng, "Sparse autoencoder", CS294A lecture notes (2011): <https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC731",
    name="sparsity-penalty",
    summary="a sum or mean of the code where its absolute value is meant",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a linear penalty."""
    if observations.spec.loss is None:
        return CHECK.skipped("no loss was declared")
    found = observations.program.linear_penalty
    if found:
        return CHECK.failed(
            f"the loss contains the {found}, which can be negative without bound: take the absolute value first"
        )
    return CHECK.passed()
