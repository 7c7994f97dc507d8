"""Axes: which one is meant, how sizes broadcast, and when two sizes cannot be the same."""

from __future__ import annotations

import math
from types import EllipsisType, NoneType

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.values import (
    Bound,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Partial,
    Shape,
    Sym,
    Value,
)
from aelint.semantics.operators.api import Apply, Facts, facts_of, to_int

__all__ = [
    "axes_of",
    "axis_of",
    "batched",
    "broadcast",
    "broadcast_all",
    "broadcast_dim",
    "differ",
    "items",
    "trailing",
    "unknown_sizes",
]


def differ(left: Dim, right: Dim) -> bool:
    """Whether two sizes differ for every value of the unknowns, taking sizes to be at least 1.

    Decided by a constant difference after common factors are taken out (`784*n` is never `100*n`), or
    by divisibility: `2*h + 1` is never 784.
    """
    difference = dims.sub(left, right)
    if isinstance(difference, int):
        return difference != 0
    constant = 0
    coefficients = []
    for monomial, factor in difference.terms:
        if monomial:
            coefficients.append(factor)
        else:
            constant = factor
    if constant % math.gcd(*coefficients):
        return True
    # One term alone is a product of sizes, and none of them is zero.
    return len(difference.terms) == 1 and left != 0 and right != 0 and all(_plain(a.key) for a in difference.atoms)


def _plain(key: object) -> bool:
    # The floor of a quotient can be zero, and so can a difference too long to write, what a slice leaves, and a size
    # that is an option; a number of channels cannot.
    return not (isinstance(key, tuple) and key and key[0] in {"floor", "expression", "optional", "remainder"})


_COUNTABLE: tuple[type, ...] = (
    *(int, float, str, bytes, slice, EllipsisType, NoneType, tuple, Poly, Sym, ListValue, DictValue, External),
    *(Function, ClassValue, Instance, Object, Bound, Partial),
)


def items(value: Value) -> tuple[Value, ...] | None:
    """The elements of a tuple or list, None if they are not all known (something was spliced in)."""
    match value:
        case tuple():
            found = value
        case ListValue(complete=True):
            found = tuple(value.items)
        case _:
            return None
    return found if all(isinstance(v, _COUNTABLE) for v in found) else None


def trailing(facts: Facts) -> Shape:
    """Sizes of the last axes, as far as known."""
    return facts.shape if facts.shape is not None else facts.last


def axis_of(apply: Apply, value: Value, rank: int, shape: Shape | None = None, *, scalar: bool = True) -> int | None:
    """The axis that an argument names, counted from 0; reports one that a tensor of this rank does not have."""
    axis = to_int(value)
    if axis is None:
        return None
    limit = max(rank, 1) if scalar else rank
    if not -limit <= axis < limit:
        apply.conflict("axis", axis=axis, rank=rank, shape=shape)
        return None
    return axis % limit


def axes_of(apply: Apply, value: Value, shape: Shape) -> list[int] | None:
    """The axes that an argument names, one or several; None if some are unknown."""
    parts = items(value)
    found = [axis_of(apply, v, len(shape), shape) for v in ((value,) if parts is None else parts)]
    known = [axis for axis in found if axis is not None]
    repeated = [axis for axis in known if known.count(axis) > 1]
    if repeated:
        apply.conflict("axis", axis=repeated[0], rank=len(shape), shape=shape, repeated=True)
    return known if len(known) == len(found) and not repeated else None


def batched(value: Value, rank: int, name: str = "x") -> Shape | None:
    """The shape of a tensor; a tensor of unknown shape is taken to have `rank` axes, the first for samples.

    Equal tensors get equal unknowns: they are keyed on the tensor's identity.
    """
    facts = facts_of(value)
    if facts.shape is not None or not isinstance(value, Sym) or value.tensor is False:
        return facts.shape
    if len(facts.last) > rank:
        return None
    return (*unknown_sizes(value, rank - len(facts.last), name), *facts.last)


def unknown_sizes(value: Sym, count: int, name: str = "x", samples: int = 0) -> Shape:
    """The first `count` sizes of a tensor that nothing tells, keyed on its identity; axis `samples` holds the batch."""
    label = value.name or name
    return tuple(dims.atom((value.id, i), f"{label}.size({i})", batch=i == samples) for i in range(count))


def broadcast_dim(left: Dim, right: Dim) -> Dim | None:
    """The size of an axis that both share after broadcasting; None if that is impossible."""
    if dims.equal(left, right) or right == 1:
        return left
    if left == 1:
        return right
    match left, right:
        case (int(), int()):
            return None
        case (int() as size, Poly() as other) | (Poly() as other, int() as size):
            return None if differ(other, size) and differ(other, 1) else size
        case (Poly(), Poly()) if _is_multiple(left, right) or _is_multiple(right, left):
            return None
        case _:
            low, high = sorted((left, right), key=str)
            batch = any(isinstance(d, Poly) and d.has_batch for d in (left, right))
            return dims.atom(("broadcast", low, high), f"max({low}, {high})", batch=batch)


def _is_multiple(left: Dim, right: Dim) -> bool:
    """Whether one size is another one twice or more: they only go together where the smaller is 1."""
    times = dims.divide(left, right)
    return isinstance(times, int) and times > 1 and isinstance(right, Poly) and all(_plain(a.key) for a in right.atoms)


def broadcast(
    apply: Apply, *operands: Facts, kind: str = "broadcast", report: bool = True
) -> tuple[Shape | None, Shape]:
    """The common shape and, where it is unknown, its last sizes; reports shapes that cannot broadcast."""
    facts = operands[0]
    shape, last = facts.shape, facts.last
    for other in operands[1:]:
        merged = _two(shape, last, other.shape, other.last)
        if merged is None:
            if report:
                apply.conflict(kind, a=_show(shape, last), b=_show(other.shape, other.last))
            return None, ()
        shape, last = merged
    return shape, last


def broadcast_all(apply: Apply, *values: Value) -> tuple[Shape | None, Shape]:
    """`broadcast` of arguments."""
    return broadcast(apply, *(facts_of(v) for v in values))


def _show(shape: Shape | None, last: Shape) -> tuple[object, ...]:
    return shape if shape is not None else (..., *last)


def _two(a: Shape | None, a_last: Shape, b: Shape | None, b_last: Shape) -> tuple[Shape | None, Shape] | None:
    left, right = a if a is not None else a_last, b if b is not None else b_last
    result: list[Dim] = []
    for i in range(1, max(len(left), len(right)) + 1):
        x = left[-i] if i <= len(left) else (1 if a is not None else None)
        y = right[-i] if i <= len(right) else (1 if b is not None else None)
        size = _one(x, y)
        if size is None:
            if x is not None and y is not None:
                return None
            break
        result.append(size)
    sizes = tuple(reversed(result))
    return (sizes, ()) if a is not None and b is not None else (None, sizes)


def _one(x: Dim | None, y: Dim | None) -> Dim | None:
    if x is not None and y is not None:
        return broadcast_dim(x, y)
    # Against an unknown size only a constant above 1 survives broadcasting as it is.
    size = y if x is None else x
    return size if isinstance(size, int) and size > 1 else None
