"""A second instance with the same state gives other outputs.

## What it does

Builds a second model, loads the first one's `state_dict`, and compares their outputs under one random state. Does so once more after
a training forward, and lets both make another one.

## Why is this bad?

What is not in the state is lost at every checkpoint: layers in plain lists, tensors that are no buffers, statistics in plain
attributes, flags that say that a layer was initialised from its first batch.

## How it decides

Loading must not raise, the outputs must agree to one part in a thousand, and after a training forward each tensor of the state to a tenth
of its norm.

## Exemptions

Models given as a built instance. Constants that the constructor makes anew are no loss if they are equal.

## References

- PyTorch documentation, "Saving and Loading Models": <https://pytorch.org/tutorials/beginner/saving_loading_models.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC623",
    name="state-does-not-round-trip",
    summary="state_dict does not hold everything that the output depends on",
    needs=("round_trip",),
)

_RELATIVE = 1e-3


def judge(observations: Observations) -> Verdict:
    """Fail on lost state."""
    trip = observations.round_trip
    if trip.error:
        return CHECK.failed(f"loading the model's own state into a second instance raised {trip.error}")
    if trip.missing:
        return CHECK.failed(f"the keys of the state differ between two instances: {', '.join(trip.missing[:4])}")
    if trip.gap > _RELATIVE * max(trip.scale, 1e-12):
        return CHECK.failed(
            f"a second instance with the same state_dict gives outputs that differ by {trip.gap:.3g} (largest value {trip.scale:.3g}): "
            "something that the output depends on is neither a parameter nor a buffer",
            gap=trip.gap,
        )
    if trip.appeared:
        return CHECK.failed(
            f"a training forward changes the keys of the state ({', '.join(trip.appeared[:4])}): a new instance cannot load it"
        )
    if trip.diverging:
        return CHECK.failed(
            f"a second instance that goes on from the saved state leaves another {', '.join(trip.diverging[:4])} after one training "
            "forward: what says that it was initialised from data, or how far it had come, is not in the state",
            tensors=len(trip.diverging),
        )
    return CHECK.passed(gap=trip.gap)
