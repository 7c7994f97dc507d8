"""Layers are used that the model does not know as its own.

## What it does

Walks the graph of the loss to its trainable tensors and looks for those that the model holds in plain containers.

## Why is this bad?

Layers in a Python list are in no `parameters()`: the optimiser never updates them, `.to(device)` leaves them behind, and
`state_dict()` does not save them. Training runs without an error.

## How it decides

A tensor fails if it requires a gradient, is reached by the loss, sits in a list, tuple or dict attribute of the model, and
is not among `model.parameters()`.

## Exemptions

Modules hidden on purpose, such as a frozen teacher: they require no gradient or are not reached.

## References

- PyTorch documentation of `ModuleList`: <https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC114",
    name="unregistered-layers",
    summary="trainable layers in a plain list, tuple or dict",
    needs=("reach",),
)

_SHOWN = 4


def judge(observations: Observations) -> Verdict:
    """Fail if the loss trains tensors that are not registered."""
    foreign = observations.reach.foreign
    if foreign:
        names = ", ".join(foreign[:_SHOWN]) + (f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else "")
        return CHECK.failed(
            f"the loss depends on {len(foreign)} trainable tensors that are not in model.parameters(): {names}. "
            "Keep modules in nn.ModuleList or nn.ModuleDict, parameters in nn.ParameterList",
            tensors=len(foreign),
        )
    return CHECK.passed()
