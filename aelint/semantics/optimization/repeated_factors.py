"""Norms of one weight that a value is multiplied by twice: where it was made, and again where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.optimization.parameters import weight_of
from aelint.syntax.walk import holds

__all__ = ["RepeatedFactor", "repeated_factors"]

_KEEPING = RESHAPES | {"relu", "abs", "clamp", "detach", "getitem"}
"""What lets a factor stay a factor."""
_NORMS = frozenset({"norm", "linalg.norm", "linalg.vector_norm"})


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedFactor:
    """Where a value is multiplied by the norm of a weight, and where it had been before, in another function."""

    site: Site
    before: Site


def repeated_factors(program: Program) -> Iterator[RepeatedFactor]:
    """Products with a norm whose other side is a product with the same norm already. Who wants a square writes it in one place."""
    for node in nodes_of(program, "mul"):
        for scaled, norm in _products(node):
            inner = next((one for one in _inside(scaled) if any(_is_same(n, norm) for _, n in _products(one))), None)
            if inner is None or inner.site is None or node.site is None:
                continue
            if not any(holds(f.node, inner.site.node) and holds(f.node, node.site.node) for f in program.own_functions):
                yield RepeatedFactor(node.site, inner.site)


def _products(node: Sym) -> Iterator[tuple[Sym, Sym]]:
    """What is multiplied, and the norm of a weight that it is multiplied by."""
    match node:
        case Sym(op="mul", inputs=(Sym() as left, Sym() as right)):
            for scaled, factor in ((left, right), (right, left)):
                norm = through_reshapes(factor)
                if isinstance(norm, Sym) and norm.op in _NORMS and _weight(norm) is not None:
                    yield scaled, norm


def _inside(value: Sym) -> Iterator[Sym]:
    """The products that a value is, with nothing but other factors and keeping operations around them."""
    pending: list[Value] = [value]
    for one in pending:  # grows while it is read
        if isinstance(one, Sym) and one.op == "mul":
            yield one
            pending += one.inputs
        elif isinstance(one, Sym) and one.op in _KEEPING:
            pending.append(source(one))


def _weight(norm: Sym) -> object:
    """What tells the weight of a norm from others: its layer and name, or a parameter that was put in its place."""
    held = through_reshapes(source(norm))
    weight = weight_of(held)
    if weight is not None:
        return id(weight.layer), weight.name
    return held.id if isinstance(held, Sym) and held.op == "parameter" else None


def _is_same(norm: Sym, other: Sym) -> bool:
    same = _weight(norm) is not None and _weight(norm) == _weight(other)
    return norm is not other and same and norm.attrs.get("dim") == other.attrs.get("dim")
