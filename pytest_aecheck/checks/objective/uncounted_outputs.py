"""The loss never looks at part of the reconstruction.

## What it does

Finds the elements of the reconstruction at which the loss has a gradient, in any sample of two batches.

## Why is this bad?

A slice that ends too early, an index where a range was meant, or a mask that never moves leaves columns that nothing trains. The loss falls
as it should; what the model says about these columns is what it was initialised to.

## How it decides

It warns if more than a quarter of the elements have no gradient in any sample.

## Exemptions

Token sequences; losses that do not read the returned reconstruction, or call the model several times; masks that move from sample to sample.

## References

- <https://github.com/sdv-dev/CTGAN/issues/143>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC332",
    name="uncounted-outputs",
    summary="part of the reconstruction does not count in the loss",
    gate=False,
    needs=("judged",),
    cost="2B to the reconstruction",
)

_MOST = 0.25


def judge(observations: Observations) -> Verdict:
    """Warn of elements that nothing trains."""
    seen = observations.judged
    missing = seen.elements - seen.judged
    if missing > _MOST * seen.elements:
        return CHECK.failed(
            f"{missing} of {seen.elements} elements of the reconstruction never count in the loss, the first at index ({seen.first}): "
            'declare exempt={"AEC332"} if only a part is meant to be reconstructed',
            uncounted=missing,
            elements=seen.elements,
        )
    return CHECK.passed(uncounted=missing, elements=seen.elements)
