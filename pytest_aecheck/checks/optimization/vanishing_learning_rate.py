"""The schedule wipes out the learning rate, or does nothing.

## What it does

Follows the learning rate over the declared schedule (`scheduler`, and `steps` for how often it is stepped), or over the updates that
`train_step` makes and 1000 further steps of the schedule that it moves on.

## Why is this bad?

A decay that was meant for epochs and is applied to batches, a factor of zero, or a factor that is multiplied in at every step ends the
training after a few hundred batches. The loss stays where it is, and it looks as if the model had converged.

## How it decides

It fails if every rate falls to zero in one step and stays there, or shrinks at every training step by the same factor, below 0.933
(a thousandth after 100 batches). Where `steps` is declared it also fails if every rate is below a thousandth of its maximum
after half of them, and warns if no rate ever changes.

## Exemptions

Schedules that wait for a measure (`ReduceLROnPlateau`); parameter groups that are switched off on purpose beside others that are not.

## References

- PyTorch documentation, "How to adjust learning rate": <https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>
"""

from __future__ import annotations

from itertools import pairwise

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC424",
    name="vanishing-learning-rate",
    summary="the schedule brings the learning rate to nothing long before the training ends, or never changes it",
    needs=("schedule",),
    cost="6 training steps, shared",
)

_FASTEST = 0.001 ** (1 / 100)
_WIPED = 1e-3
_COMPARED = 5
_ROUNDING = 1e-4


def judge(observations: Observations) -> Verdict:
    """Fail on rates that vanish, warn of those that should change and do not."""
    schedule = observations.schedule
    moving = [rates for rates in schedule.rates if max(rates, default=0.0) > 0]
    if not moving:
        return CHECK.skipped("all learning rates are zero from the start")
    if all(_switched_off(rates) for rates in moving):
        at = max(rates.index(0.0) for rates in moving)
        return CHECK.failed(
            f"the learning rate falls from {moving[0][at - 1]:.3g} to 0 at step {at} and stays there", step=at
        )
    if schedule.per_training_step and all(_collapses(rates) for rates in moving):
        factor = moving[0][1] / moving[0][0]
        return CHECK.failed(
            f"every training step multiplies the learning rate by {factor:.3g}: after 100 batches {factor**100:.1e} of it is left. "
            "Is a decay for epochs applied to batches?",
            factor=factor,
        )
    return _over_the_declared_steps(moving, schedule.declared_steps)


def _over_the_declared_steps(moving: list[tuple[float, ...]], steps: int) -> Verdict:
    halves = [rates[min(steps // 2, len(rates) - 1)] / max(rates) for rates in moving]
    if steps and len(moving[0]) > steps // 2 and max(halves) < _WIPED:
        return CHECK.failed(
            f"after half of the {steps} declared steps {max(halves):.1e} of the learning rate is left", left=max(halves)
        )
    if steps and all(len(set(rates)) == 1 for rates in moving):
        return CHECK.warned(f"the schedule never changes the learning rate within the {steps} declared steps")
    return CHECK.passed(highest=max(max(rates) for rates in moving), last=max(rates[-1] for rates in moving))


def _switched_off(rates: tuple[float, ...]) -> bool:
    """From half of its highest value or more to nothing, for good."""
    if 0.0 not in rates:
        return False
    at = rates.index(0.0)
    return at > 0 and rates[at - 1] >= max(rates) / 2 and not any(rates[at:])


def _collapses(rates: tuple[float, ...]) -> bool:
    ratios = [after / before for before, after in pairwise(rates) if before > 0][:_COMPARED]
    return len(ratios) == _COMPARED and max(ratios) < _FASTEST and max(ratios) - min(ratios) < _ROUNDING
