"""Values that are standardised along an axis along which they have been standardised before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of, parts
from aelint.semantics.dataflow.lineage import ancestors, depends_on, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.semantics.interpreter.joins import alternatives

__all__ = ["Renormalised", "renormalised"]

_KEEPING = frozenset({"clone", "to", "float", "contiguous", "detach"})
_SPREADS = frozenset({"std", "var"})


@dataclass(frozen=True, slots=True, eq=False)
class Renormalised:
    """The second of two standardisations, and the first."""

    site: Site
    first: Site


def renormalised(program: Program) -> Iterator[Renormalised]:
    """Quotients `(x - mean) / std` of an `x` that is such a quotient along the same axis."""
    for node in nodes_of(program, "truediv"):
        again = _standardised(node)
        if again is None or node.site is None:
            continue
        given, axis = again
        found = alternatives(through(given, _KEEPING))
        for one in found:
            before = _standardised(one) if isinstance(one, Sym) else None
            if before is None or before[1] != axis or not isinstance(one, Sym) or one.site is None:
                continue
            if any(other is not one and depends_on(other, one) for other in found):
                continue  # what was standardised may have been turned over since
            second, first = node.site, one.site
            if second.node is first.node:  # a function that is called twice
                second, first = _call(program, node), _call(program, one)
            yield Renormalised(second, first)


def _standardised(node: Sym) -> tuple[Sym, str] | None:
    """What is standardised, and along which axis, as text."""
    if node.op != "truediv" or len(node.inputs) != 2:
        return None
    match node.inputs[0]:
        case Sym(op="sub", inputs=(Sym() as given, Sym(op="mean", attrs={"input": meant} as averaged))) if (
            meant is given
        ):
            axis = repr(averaged.get("dim"))
            spread = _spread(node.inputs[1], given)
            return (given, axis) if spread is not None and repr(spread.attrs.get("dim")) == axis else None
        case _:
            return None


def _spread(divisor: Value, given: Sym) -> Sym | None:
    """The deviation of the same values that a divisor is made of."""
    found = (one for one in ancestors(divisor, _SPREADS) if one.op in _SPREADS)
    return next((one for one in found if one.attrs.get("input") is given), None)


def _call(program: Program, value: Sym) -> Site:
    """Where the function of the project is called that computes a value."""
    assert value.site is not None
    calls = (c for c in program.calls if isinstance(c.callee, Function) and c.site.node is not c.callee.node)
    return next((c.site for c in calls if any(part is value for part in parts(c.result))), value.site)
