"""The optimiser does not hold parameters that the loss trains.

## What it does

Builds the declared optimiser and compares its parameters with those that receive a gradient.

## Why is this bad?

An optimiser that was given `model.decoder.parameters()` leaves the encoder at its random start. The loss falls all the same.

## How it decides

A trainable parameter receives a non-zero gradient from the loss and is in no parameter group.

## Exemptions

Frozen parameters; several optimisers are looked at together if they are returned as a tuple. Parameters of a module named
as a critic (`discriminator`, `critic`, ...) of which the optimiser holds nothing: an adversarial loss sends a gradient into
them, and an optimiser of their own trains them. If nothing else is missing, the check is skipped and says so.

## References

- PyTorch documentation of `torch.optim`: <https://pytorch.org/docs/stable/optim.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC402",
    name="optimizer-misses-parameters",
    summary="parameters with a gradient are in no optimiser",
    needs=("step",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on forgotten parameters."""
    if observations.spec.optimizer is None:
        return CHECK.skipped("no optimizer was declared")
    missing = observations.step.missing_from_optimizer
    if missing:
        return CHECK.failed(
            f"{len(missing)} parameters receive a gradient but are in no parameter group of the optimiser: {', '.join(missing[:4])}",
            parameters=len(missing),
        )
    if opponents := observations.step.left_to_opponents:
        return CHECK.skipped(
            f"the {len(opponents)} parameters that are in no optimiser are those of a critic ({opponents[0]} and others): give its optimiser "
            "as well, as a tuple, to have them judged"
        )
    return CHECK.passed()
