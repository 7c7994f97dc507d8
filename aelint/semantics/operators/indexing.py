"""`x[...]`: integers, slices, None, Ellipsis, masks and index tensors."""

from __future__ import annotations

import ast
from types import EllipsisType

from aelint.rule import Site
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.values import ListValue, Shape, Sym, Value
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh, to_dim, unknown
from aelint.semantics.operators.axes import broadcast, items
from aelint.semantics.operators.shapes import with_shape
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []


@REGISTRY.operation("getitem", "input, index", methods="__getitem__")
def _getitem(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.tensor is False:
        return unknown()
    index = apply["index"]
    parts = items(index) if isinstance(index, tuple) else (index,)
    if parts is None or any(_kind(p) is None for p in parts):
        return _as_it_came(x)
    if x.shape is None:
        return _of_unknown(x, parts)
    expanded = _without_ellipsis(parts, len(x.shape))
    if expanded is None:
        consumed = sum(_consumed(p) for p in parts)
        apply.conflict("axis", axis=consumed - 1, rank=len(x.shape), shape=x.shape)
        return _as_it_came(x)
    shape = _indexed(apply, x.shape, expanded)
    return _as_it_came(x) if shape is None else Facts(shape, (), x.range, x.kind, x.tensor)


def _as_it_came(x: Facts) -> Facts:
    return Facts(None, (), x.range, x.kind, x.tensor)


def _of_unknown(x: Facts, parts: tuple[Value, ...]) -> Facts:
    """After `x[..., :k]` or `x[:, 0]` the last sizes may still be known."""
    if len(parts) == 2 and parts[0] is Ellipsis and x.last:
        match _kind(parts[1]):
            case "slice":
                return Facts(None, (*x.last[:-1], _sliced(x.last[-1], parts[1])), x.range, x.kind, x.tensor)
            case "new":
                return Facts(None, (*x.last, 1), x.range, x.kind, x.tensor)
            case "int":
                return Facts(None, x.last[:-1], x.range, x.kind, x.tensor)
    return _as_it_came(x)


def _kind(part: Value) -> str | None:
    """What an index does: "int" drops an axis, "slice" keeps it, "new" adds one, "tensor" gathers."""
    match part:
        case None:
            return "new"
        case EllipsisType():
            return "rest"
        case slice():
            return "slice"
        case bool():
            return None
        case int() | Poly():
            return "int"
        case Sym(site=Site(node=ast.Call(func=ast.Attribute(attr="byte")))):
            return None  # a mask of old: torch selects with bytes as with booleans
        case Sym(tensor=True, kind="int" | "bool", shape=shape) if shape is not None:
            return "tensor"
        case Sym(tensor=False, kind="size"):
            return "int"
        case ListValue(complete=True, items=found) if found and all(type(i) is int for i in found):
            return "tensor"
        case _:
            return None


def _gathered(part: Value) -> Facts:
    return Facts((len(part.items),), kind="int") if isinstance(part, ListValue) else facts_of(part)


def _consumed(part: Value) -> int:
    match _kind(part):
        case "int" | "slice":
            return 1
        case "tensor":
            facts = _gathered(part)
            return len(facts.shape or ()) if facts.kind == "bool" else 1
        case _:
            return 0


def _without_ellipsis(parts: tuple[Value, ...], rank: int) -> tuple[Value, ...] | None:
    """The index with every axis spelled out; None if it has more axes than the tensor."""
    left = rank - sum(_consumed(p) for p in parts)
    if left < 0:
        return None
    rest = (slice(None),) * left
    places = [i for i, p in enumerate(parts) if p is Ellipsis]
    if len(places) > 1:
        return None
    if not places:
        return (*parts, *rest)
    return (*parts[: places[0]], *rest, *parts[places[0] + 1 :])


def _indexed(apply: Apply, shape: Shape, parts: tuple[Value, ...]) -> Shape | None:
    result: list[Dim] = []
    gathered: list[Facts] = []
    place: int | None = None
    axis, apart, previous = 0, False, False
    for part in parts:
        kind = _kind(part)
        if kind == "tensor":
            apart = apart or (place is not None and not previous)
            place = len(result) if place is None else place
            gathered.append(_positions(part))
        elif kind == "new":
            result.append(1)
        elif kind == "slice":
            result.append(_sliced(shape[axis], part))
        elif kind == "int" and _outside(apply, shape, axis, part):
            return None
        # Integers take their axis away before index tensors come to bear, so they do not part them.
        previous = kind == "tensor" or (kind == "int" and previous)
        axis += _consumed(part)
    if not gathered:
        return tuple(result)
    front, _ = broadcast(apply, *gathered)
    if front is None or place is None:
        return None
    # Index tensors that stand apart from each other put their axes first.
    cut = 0 if apart else place
    return (*result[:cut], *front, *result[cut:])


def _positions(part: Value) -> Facts:
    facts = _gathered(part)
    return Facts((fresh("selected"),)) if facts.kind == "bool" else facts


def _outside(apply: Apply, shape: Shape, axis: int, part: Value) -> bool:
    size = shape[axis]
    if isinstance(part, int) and isinstance(size, int) and not -size <= part < size:
        apply.conflict("size", index=part, size=size, shape=shape, axis=axis)
        return True
    return False


def _sliced(size: Dim, part: slice) -> Dim:
    """How many elements a slice keeps; an unknown where that depends on which end comes first."""
    if part.step not in {None, 1} and not isinstance(part.step, int):
        return fresh("slice", may_be_zero=True)
    step = part.step or 1
    start = 0 if part.start is None else to_dim(part.start)
    stop = size if part.stop is None else to_dim(part.stop)
    if start is None or stop is None or step < 1:
        return fresh("slice", may_be_zero=True)
    if isinstance(size, int) and isinstance(start, int) and isinstance(stop, int) and size >= 0:
        return len(range(*slice(start, stop, step).indices(size)))
    return _symbolic_slice(size, start, stop, step, open_end=part.stop is None)


def _symbolic_slice(size: Dim, start: Dim, stop: Dim, step: int, *, open_end: bool) -> Dim:
    """For unknown sizes: the whole, and the parts of a sum that are certainly there (`x[:, :d]` of `2*d`)."""
    if start == 0 and (open_end or dims.equal(stop, size)):
        return size if step == 1 else dims.floor_divide(dims.add(size, step - 1), step)
    length = dims.sub(stop, start)
    if step == 1 and not isinstance(start, int) and isinstance(length, int) and length > 0:
        # A window, `x[i : i + 24]`, is meant to be whole wherever it begins.
        return length if not isinstance(size, int) or length <= size else fresh("slice", may_be_zero=True)
    inside = _at_least(size, stop) and _at_least(stop, start) and _at_least(start, 0)
    return length if inside and step == 1 else fresh("slice", may_be_zero=True)


def _at_least(large: Dim, small: Dim) -> bool:
    """Whether `large >= small` for all sizes: no negative term in the difference."""
    difference = dims.sub(large, small)
    if isinstance(difference, int):
        return difference >= 0
    return all(factor > 0 for _, factor in difference.terms) and all(_counts(a.key) for a in difference.atoms)


def _counts(key: object) -> bool:
    # Unknown program values (their key is a bare number, or that of an option) may be negative; sizes of axes may not.
    return isinstance(key, tuple) and key[:1] != ("optional",)


@REGISTRY.operation("setitem", "input, index, value", methods="__setitem__")
def _setitem(apply: Apply) -> Facts:
    return with_shape(apply, apply.tensor().shape)
