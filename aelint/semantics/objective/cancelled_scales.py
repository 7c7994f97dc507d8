"""Roundings of what was scaled up and back again: the number of steps cancels before anything is rounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["CancelledScale", "cancelled_scales"]

_ROUNDINGS = frozenset({"round", "floor", "ceil", "trunc"})
_DEEPEST = 12


@dataclass(frozen=True, slots=True, eq=False)
class CancelledScale:
    """What is rounded, where it is rounded, and the factor that was multiplied with and divided by."""

    site: Site
    rounding: Sym
    factor: Sym


def cancelled_scales(program: Program) -> Iterator[CancelledScale]:
    """`round((x * levels) / levels)` for `round(x * levels) / levels`."""
    for node in nodes_of(program, *_ROUNDINGS):
        inner = node.inputs[0] if node.inputs else None
        if not isinstance(inner, Sym) or inner.site is None or node.tensor is False:
            continue  # a batch size that is divided among processes is not quantised
        factor = _cancelled(inner, frozenset(), 0)
        if factor is not None:
            yield CancelledScale(inner.site, node, factor)


def _cancelled(value: Value, divisors: frozenset[int], depth: int) -> Sym | None:
    """The factor further in that one of the divisors, or a division on the way to it, takes back."""
    if not isinstance(value, Sym) or depth > _DEEPEST:
        return None
    match value:
        case Sym(op="add" | "sub", inputs=(inner, other)) if to_number(other) is not None:
            return _cancelled(inner, divisors, depth + 1)
        case Sym(op="truediv", inputs=(inner, divisor)):
            return _cancelled(inner, divisors | _ids(divisor), depth + 1)
        case Sym(op="mul", inputs=(left, right)):
            for inner, other in ((left, right), (right, left)):
                if isinstance(other, Sym) and other.id in divisors:
                    return other
                below = other.inputs[1] if isinstance(other, Sym) and other.op == "truediv" else None
                found = _cancelled(inner, divisors | _ids(below), depth + 1)
                if found is not None:
                    return found
    return None


def _ids(divisor: Value) -> frozenset[int]:
    return frozenset({divisor.id}) if isinstance(divisor, Sym) else frozenset()
