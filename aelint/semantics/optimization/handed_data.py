"""Optimisers that are handed data, which no gradient changes, and no parameter.

Torch takes any tensor that nothing was computed into with a gradient. Where such a tensor asks for none, its `grad` stays
empty, and `step` passes it over without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import DictValue, External, ListValue, Object, Sym, Value
from aelint.semantics.operators.random import DRAWN
from aelint.semantics.optimization.gradients import reach_of, updates

__all__ = ["HandedData", "handed_data"]

_MADE = DRAWN | {"zeros", "ones", "full", "empty", "eye", "arange", "linspace", "logspace", "batch"}
_UNREAD = frozenset({"attr", "call"})
"""What may give a parameter, or ask for a gradient, where it cannot be read."""
_DEEPEST = 40


@dataclass(frozen=True, slots=True, eq=False)
class HandedData:
    """An optimiser that holds data alone, and a backward pass of parameters that it follows."""

    optimizer: Site
    tensors: int
    backward: Site


def handed_data(program: Program) -> Iterator[HandedData]:
    """Optimisers of plain tensors in programs where nothing asks for a gradient, or sets one, behind their back."""
    if _asks_later(program):
        return
    for update in updates(program):
        for step in update.steps:
            optimizer = step.of
            if not isinstance(optimizer, Object) or optimizer.site is None:
                continue
            given = _given(optimizer)
            if given and all(_is_data(one) for one in given) and reach_of(program)(update.backward.of).live:
                yield HandedData(optimizer.site, len(given), update.backward.event.site)


def _asks_later(program: Program) -> bool:
    stores = (s for s in program.stores if s.name in {"requires_grad", "grad"})
    calls = program.method_calls("requires_grad_", "add_param_group")
    return any(s.value is not False and s.value is not None for s in stores) or any(
        False not in (*c.args, *c.kwargs.values()) for c in calls
    )


def _given(optimizer: Object) -> list[Value]:
    """The tensors in the list that an optimiser was given, or in its groups; none where not all are in sight."""
    found = []
    waiting = [optimizer.args[0] if optimizer.args else optimizer.kwargs.get("params")]
    while waiting:
        match waiting.pop():
            case ListValue(items=items) | tuple(items):
                waiting += items
            case DictValue(items={"params": given}):
                waiting.append(given)
            case Sym() as one:
                found.append(one)
            case _:
                return []
    return found


def _is_data(value: Value, depth: int = 0) -> bool:
    """Whether a tensor certainly asks for no gradient: made of numbers or drawn, and computed from nothing else."""
    if not isinstance(value, Sym) or depth > _DEEPEST:
        return False
    if value.attrs.get("requires_grad") or value.layer is not None:
        return False
    if value.op in _MADE:
        return True
    if value.op == "tensor":
        return _is_array(value.attrs.get("data")) or _is_data(value.attrs.get("data"), depth + 1)
    tensors = [one for one in value.inputs if isinstance(one, Sym)]
    return value.op not in _UNREAD and bool(tensors) and all(_is_data(one, depth + 1) for one in tensors)


def _is_array(value: Value) -> bool:
    """Whether something that is no tensor of torch's is made into one: a number, a list of them, or an array of numpy."""
    match value:
        case int() | float() | ListValue() | tuple():
            return True
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name.startswith("numpy.")
        case _:
            return False
