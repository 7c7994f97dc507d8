"""Tensors as sums of tensors, each with how often it counts in the value and in the gradient that comes back."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.operators.api import to_number
from aelint.semantics.operators.axes import items

__all__ = ["Coefficients", "Linear", "difference", "linear", "stack_size"]


@dataclass(frozen=True, slots=True)
class Coefficients:
    """How often a tensor is contained in a sum: in its value, and in the gradient that passes back through it."""

    value: float
    gradient: float
    tensor: Sym


Linear = dict[int, Coefficients]
"""By id of the tensor before reshapes."""


_DEEP = 15
"""Joins within joins are looked into twice."""


def linear(value: Value, depth: int = 0, part: int | None = None) -> Linear | None:
    """A tensor as a sum of tensors, None where it is more than that or joined from branches that differ in more than layout.

    With `part`, that one of the tensors that were stacked stands for the stack.
    """
    if to_number(value) is not None or value is None:
        return {}
    if not isinstance(value, Sym) or depth > 40:
        return None
    if value.op == "phi":
        forms = [linear(one, depth + _DEEP, part) for one in alternatives(value)]
        return forms[0] if all(form == forms[0] for form in forms) else None
    left, right = value.attrs.get("input"), value.attrs.get("other")
    match value.op:
        case "add" | "sub" if "input" in value.attrs and value.attrs.get("alpha", 1) == 1:
            return _sum(
                linear(left, depth + 1, part), linear(right, depth + 1, part), 1.0 if value.op == "add" else -1.0
            )
        case "neg":
            return _scaled(linear(left, depth + 1, part), -1.0)
        case "mul" | "truediv" if (factor := to_number(right)) is not None and isinstance(left, Sym) and factor:
            return _scaled(linear(left, depth + 1, part), factor if value.op == "mul" else 1 / factor)
        case "mul" if (factor := to_number(left)) is not None and isinstance(right, Sym):
            return _scaled(linear(right, depth + 1, part), factor)
        case "detach":
            inner = linear(source(value), depth + 1, part)
            return None if inner is None else {key: Coefficients(c.value, 0.0, c.tensor) for key, c in inner.items()}
        case op if op in RESHAPES and isinstance(source(value), Sym):
            return linear(source(value), depth + 1, part)
        case "stack" if part is not None and part < len(stacked := _stacked(value)):
            return linear(stacked[part], depth + 1, part)
        case _:
            return {value.id: Coefficients(1.0, 1.0, value)}


def _stacked(value: Sym) -> tuple[Value, ...]:
    return items(value.attrs.get("tensors")) or ()


def _sum(left: Linear | None, right: Linear | None, sign: float) -> Linear | None:
    if left is None or right is None:
        return None
    total = dict(left)
    for key, c in right.items():
        known = total.get(key, Coefficients(0.0, 0.0, c.tensor))
        total[key] = Coefficients(known.value + sign * c.value, known.gradient + sign * c.gradient, c.tensor)
    return total


def _scaled(form: Linear | None, factor: float) -> Linear | None:
    if form is None:
        return None
    return {k: Coefficients(factor * c.value, factor * c.gradient, c.tensor) for k, c in form.items()}


def difference(left: Value, right: Value, part: int | None = None) -> Linear | None:
    """What is left of one tensor less another, of a stack's `part` if one is given."""
    return _sum(linear(left, part=part), linear(right, part=part), -1.0)


def stack_size(value: Value) -> int:
    """How many tensors were stacked to what a distance is taken of, 0 if it is no stack."""
    while isinstance(value, Sym) and (value.op in RESHAPES or value.op == "detach"):
        value = source(value)
    return len(_stacked(value)) if isinstance(value, Sym) and value.op == "stack" else 0
