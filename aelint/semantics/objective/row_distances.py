"""Distances between rows of one tensor: zero for a row and itself, and for rows that are made of equal inputs."""

from __future__ import annotations

from aelint.semantics.dataflow.lineage import RESHAPES, adds_axes, ancestors, source, through
from aelint.semantics.domain.values import Sym, Value

__all__ = ["is_distance_of_rows"]


def is_distance_of_rows(value: Value) -> bool:
    """Whether it is `(z[i] - z[j]).pow(2).sum(-1)` or `cdist(z, z)`, of what layers computed."""
    match value:
        case Sym(op="cdist", attrs={"x1": Sym() as first, "x2": second}):
            return first is second and _is_computed(first)
        case Sym(op="sum", attrs={"input": Sym(op="square" | "pow", attrs={"input": Sym() as difference})}):
            return _is_of_rows(difference)
        case Sym(op="sum", attrs={"input": Sym(op="mul", inputs=(Sym() as difference, other))}) if difference is other:
            return _is_of_rows(difference)
        case Sym(op="norm", attrs={"input": Sym() as difference}):
            return _is_of_rows(difference)
        case _:
            return False


def _is_of_rows(difference: Sym) -> bool:
    match difference:
        case Sym(op="sub", inputs=(Sym() as left, Sym() as right)):
            first, second = _whole(left), _whole(right)
            return first is second and isinstance(first, Sym) and _is_computed(first)
        case _:
            return False


def _whole(value: Value) -> Value:
    """The tensor whose rows, or all of it with one more axis, a value is; not what is cut from along other axes."""
    value = through(value, RESHAPES)
    while isinstance(value, Sym) and value.op in {"getitem", "index_select"}:
        index = value.attrs.get("index")
        if not (index is None or isinstance(index, Sym) or adds_axes(value)):
            break
        value = through(source(value), RESHAPES)
    return value


def _is_computed(value: Sym) -> bool:
    return any(one.layer is not None for one in ancestors(value))
