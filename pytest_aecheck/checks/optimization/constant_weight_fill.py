"""All units of a layer start from the same weights.

## What it does

Compares the rows, and the columns, of every linear, convolutional and recurrent weight.

## Why is this bad?

Units with equal weights receive equal gradients and stay equal for ever: the layer has one unit, however wide it is. With a
ReLU and a negative sum all of them can be dead.

## How it decides

All rows or all columns of a non-zero weight are bitwise equal. It fails if a gradient step leaves them equal, and warns if the
step tells them apart or cannot be made.

## Exemptions

Grouped convolutions, zero weights, frozen layers.

## References

- Goodfellow et al., "Deep Learning" (2016), section 8.4: <https://www.deeplearningbook.org/contents/optimization.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC401",
    name="constant-weight-fill",
    summary="the units of a layer are all equal",
    needs=("weights",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if equal units stay equal."""
    weights = observations.weights
    if weights.still_equal_after_step:
        names = ", ".join(weights.still_equal_after_step[:4])
        return CHECK.failed(
            f"all units of {names} have the same weights, and a gradient step leaves them equal: each layer acts as one unit. "
            "Draw the initial weights at random",
            where=weights.still_equal_after_step[0],
            layers=len(weights.still_equal_after_step),
        )
    if weights.equal_units:
        return CHECK.warned(
            f"all units of {', '.join(weights.equal_units[:4])} start from the same weights",
            layers=len(weights.equal_units),
        )
    return CHECK.passed(layers=weights.layers)
