"""The penalty on the code pushes it away from zero.

## What it does

Cuts the decoder off and looks at the gradient that the loss leaves at the code: its sign against the sign of the code.

## Why is this bad?

A sparsity penalty with the wrong sign rewards activity. The loss falls without limit while the code grows, and nothing becomes sparse.

## How it decides

It fails if more than 99 % of the entries are pushed outwards, both at their own size and at ten times that size.

## Exemptions

Codes that are drawn; losses without a term on the code alone; penalties for a target activity, commitment to a codebook, and hinge
terms on the variance, all of which let go of a code that is large; models in which no module is called decoder.

## References

- Ng, "Sparse autoencoder", CS294A lecture notes (2011): <https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC732",
    name="rewarded-activity",
    summary="the penalty on the code rewards large values",
    needs=("penalty",),
    cost="3 forwards and 2 backwards, only where a code that is not drawn is found",
)

_NEARLY_ALL = 0.99


def judge(observations: Observations) -> Verdict:
    """Fail if nearly everything is pushed outwards at both sizes."""
    penalty = observations.penalty
    if min(penalty.outward, penalty.outward_when_large) > _NEARLY_ALL:
        return CHECK.failed(
            f"the terms of the loss on the code alone ({penalty.where}) push {penalty.outward:.0%} of it away from zero, and "
            f"{penalty.outward_when_large:.0%} of a code ten times as large: is the penalty's sign inverted?",
            outward=penalty.outward,
            outward_when_large=penalty.outward_when_large,
        )
    return CHECK.passed(outward=penalty.outward, outward_when_large=penalty.outward_when_large)
