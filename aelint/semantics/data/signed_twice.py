"""Pictures in [-1, 1] that are brought from [0, 1] to [-1, 1]: they lie in [-3, 1] afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Sym, Value

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
    """`2 * x - 1` of an `x` that ends in tanh, or that was mapped so before."""
    for node in nodes_of(program, "sub", "mul", "truediv"):
        match node.site, through_reshapes(_unit_mapped(node)):
            case Site() as site, Sym(site=Site() as before, shape=tuple() as shape) as inner:
                if _is_signed(inner) and len(shape) >= _PICTURE:
                    yield SignedTwice(site, before)
            case _:
                pass


def _is_signed(value: Sym) -> bool:
    return value.range == _SIGNED and (value.op == "tanh" or _is_centred(value))


def _is_centred(value: Sym) -> bool:
    """Whether it was brought to both signs, from [0, 1], or from [0, 2] as by `x / 127.5 - 1`."""
    match value:
        case Sym(op="sub", attrs={"other": 1 | 1.0}):
            return True
        case _:
            return _unit_mapped(value) is not None


def _unit_mapped(value: Value) -> Value:
    """What `2 * x - 1` or `(x - 0.5) / 0.5` takes from [0, 1] to [-1, 1]; None for anything else."""
    match value:
        case Sym(op="sub", attrs={"input": scaled, "other": 1 | 1.0}):
            return _doubled(scaled)
        case _:
            match _doubled(value):
                case Sym(op="sub", attrs={"input": inner, "other": 0.5}):
                    return inner
                case _:
                    return None


def _doubled(value: Value) -> Value:
    """What is taken twice, however that is written; None for anything else."""
    match value:
        case (
            Sym(op="mul", attrs={"input": inner, "other": 2 | 2.0})
            | Sym(op="mul", attrs={"input": 2 | 2.0, "other": inner})
            | Sym(op="truediv", attrs={"input": inner, "other": 0.5})
        ):
            return inner
        case _:
            return None
