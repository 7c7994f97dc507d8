"""The first module at which a fault appears, found by comparing what modules received and gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from pytest_aecheck.probes.trace import Call, Trace

__all__ = ["first_mixing", "first_non_finite", "last_varying"]


def last_varying(trace: Trace, axis: int) -> str:
    """The first module whose output is the same for all samples although its input was not."""
    for execution in trace.executions:
        if (
            execution.name != "."
            and _differs(execution.inputs, axis)
            and execution.outputs
            and not _differs(execution.outputs, axis)
        ):
            return f"{execution.name} ({execution.kind})"
    return ""


def _differs(values: Iterable[Any], axis: int) -> bool:
    for value in values:
        tensor = value.tensor
        if tensor.dim() > axis and tensor.shape[axis] > 1:
            moved = tensor.detach().movedim(axis, 0)
            if bool((moved != moved[:1]).any()):
                return True
    return False


def first_non_finite(trace: Trace) -> str:
    """The first call whose result holds an infinite or NaN value."""
    for call in trace.calls:
        if any(_broken(value.tensor) for value in call.outputs):
            return f"{call.name} in {_place(call)}"
    return ""


def _broken(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() and not torch.isfinite(tensor.detach()).all())


def _place(call: Call) -> str:
    return "the loss" if not call.module else "the model itself" if call.module == "." else call.module


def first_mixing(before: Trace, after: Trace, replaced: int, samples: int) -> str:
    """The first module whose output changed for another sample than the one that was replaced.

    The two traces are of the same program on batches that differ in sample `replaced` only. Only outputs with a
    single axis of `samples` can be compared.
    """
    for one, other in zip(before.executions, after.executions, strict=False):
        if one.name != other.name or one.name == ".":
            continue
        for a, b in zip(one.outputs, other.outputs, strict=False):
            if _others_changed(a.tensor.detach(), b.tensor.detach(), replaced, samples):
                return f"{one.name} ({one.kind})"
    return ""


def _others_changed(a: Any, b: Any, replaced: int, samples: int) -> bool:
    if a.shape != b.shape or list(a.shape).count(samples) != 1:
        return False
    axis = list(a.shape).index(samples)
    changed = (a != b).movedim(axis, 0).reshape(samples, -1).any(1)
    changed[replaced] = False
    return bool(changed.any())
