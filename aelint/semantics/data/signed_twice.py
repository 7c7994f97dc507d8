"""Pictures in [-1, 1] that are brought from [0, 1] to [-1, 1]: they lie in [-3, 1] afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["SignedTwice", "signed_twice"]

_SIGNED = Interval(-1.0, 1.0)
_PICTURE = 3
"""Axes from which a tensor may be a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class SignedTwice:
    """Where pictures are mapped, and where they were brought to [-1, 1] before."""

    site: Site
    before: Site


def signed_twice(program: Program) -> Iterator[SignedTwice]:
    """`2 * x - 1` of an `x` that ends in tanh, or that was mapped so before; each place once."""
    told: set[int] = set()
    for node in nodes(program):
        inner = through_reshapes(_unit_mapped(node))
        if node.site is None or not isinstance(inner, Sym) or inner.site is None or id(node.site.node) in told:
            continue
        if _is_signed(inner) and inner.shape is not None and len(inner.shape) >= _PICTURE:
            told.add(id(node.site.node))
            yield SignedTwice(node.site, inner.site)


def _is_signed(value: Sym) -> bool:
    return value.range == _SIGNED and (value.op == "tanh" or _unit_mapped(value) is not None or _is_of_bytes(value))


def _unit_mapped(value: Value) -> Value:
    """What `2 * x - 1` or `(x - 0.5) / 0.5` takes from [0, 1] to [-1, 1]; None for anything else."""
    match value:
        case Sym(op="sub", attrs={"input": Sym() as scaled, "other": 1 | 1.0}):
            return _times(scaled, 2.0)
        case Sym(op="truediv" | "mul", attrs={"input": Sym(op="sub", attrs={"input": inner, "other": 0.5})}):
            return inner if _times(value, 2.0) is not None else None
        case _:
            return None


def _is_of_bytes(value: Sym) -> bool:
    match value:
        case Sym(op="sub", attrs={"input": Sym() as scaled, "other": 1 | 1.0}):
            return _times(scaled, 1 / 127.5) is not None
        case _:
            return False


def _times(value: Sym, factor: float) -> Value:
    """What is multiplied by a factor, however that is written; None where it is another factor."""
    for one, other in (
        (value.attrs.get("input"), value.attrs.get("other")),
        (value.attrs.get("other"), value.attrs.get("input")),
    ):
        number = to_number(other)
        if isinstance(one, Sym) and number and value.op in {"mul", "truediv"}:
            written = number if value.op == "mul" else 1 / number
            return one if abs(written / factor - 1) < 1e-6 else None
    return None
