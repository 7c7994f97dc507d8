"""Joining the values of branches."""

from __future__ import annotations

from collections.abc import Sequence

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import ListValue, Shape, Sym, Value
from aelint.semantics.operators.api import facts_of

__all__ = ["MAX_ALTERNATIVES", "alternatives", "merge", "same"]

MAX_ALTERNATIVES = 8
"""So many of the values that a joined value may be are kept."""
MAX_COMPARED = 32
"""Beyond so many different values nothing is known of the joined one."""


def same(left: Value, right: Value) -> bool:
    """Whether two values are certainly the same."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    match left:
        case bool() | int() | float() | str() | bytes() | Poly():
            return bool(left == right)
        case tuple():
            return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
        case _:
            return False


def alternatives(value: Value) -> list[Value]:
    """The values that a joined value may be."""
    if isinstance(value, Sym) and value.op == "phi":
        return list(value.inputs)
    return [value]


def merge(values: Sequence[Value]) -> Value:
    """One value that stands for any of `values`."""
    first = values[0]
    if all(v is first for v in values):
        return first
    distinct: list[Value] = []
    for value in values:
        for one in alternatives(value):
            if not any(one is other or same(one, other) for other in distinct):
                distinct.append(one)
        if len(distinct) > MAX_COMPARED:
            return _any_of(distinct[:MAX_ALTERNATIVES])
    if len(distinct) == 1:
        return distinct[0]
    if all(isinstance(v, tuple) for v in distinct) and len({len(v) for v in distinct}) == 1:
        return tuple(merge(column) for column in zip(*distinct, strict=True))
    if all(isinstance(v, ListValue) for v in distinct):
        return _merge_lists(distinct)
    return _phi(distinct)


def _merge_lists(lists: list[ListValue]) -> ListValue:
    complete = all(v.complete for v in lists)
    if len({len(v.items) for v in lists}) == 1:
        columns = zip(*(v.items for v in lists), strict=True)
        return ListValue([merge(column) for column in columns], complete, lists[0].site, lists[0].kind)
    return ListValue(list(min(lists, key=lambda v: len(v.items)).items), complete=False, site=lists[0].site)


def _any_of(examples: list[Value]) -> Sym:
    joined = Sym("phi", tuple(examples), site=next((v.site for v in examples if isinstance(v, Sym)), None))
    joined.name = next((v.name for v in examples if isinstance(v, Sym) and v.name), "")
    return joined


def _phi(values: list[Value]) -> Sym:
    facts = [facts_of(v) for v in values if v is not None]
    joined = _any_of(values[:MAX_ALTERNATIVES])
    if not facts:
        return joined
    joined.tensor = facts[0].tensor if len({f.tensor for f in facts}) == 1 else None
    joined.kind = facts[0].kind if len({f.kind for f in facts}) == 1 else None
    known = all(isinstance(v, (Sym, int, float)) for v in values if v is not None)
    joined.range = _hull([f.range for f in facts]) if known else ANY
    joined.shape = _shape(joined, [f.shape for f in facts])
    return joined


def _hull(ranges: list[Interval]) -> Interval:
    hull = ranges[0]
    for interval in ranges[1:]:
        hull = hull.hull(interval)
    return hull


def _shape(joined: Sym, shapes: list[Shape | None]) -> Shape | None:
    known = [s for s in shapes if s is not None]
    if len(known) < len(shapes) or len({len(s) for s in known}) != 1:
        return None
    return tuple(_dim(joined, axis, list(sizes)) for axis, sizes in enumerate(zip(*known, strict=True)))


def _dim(joined: Sym, axis: int, sizes: list[Dim]) -> Dim:
    if all(size == sizes[0] for size in sizes):
        return sizes[0]
    batch = all(isinstance(s, Poly) and s.has_batch for s in sizes)
    return dims.atom((joined.id, axis), f"{joined.name or 'value'}.size({axis})", batch=batch)
