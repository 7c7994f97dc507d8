"""Sums over a whole batch that a mask multiplies which the loss counts, to average over the steps that are there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["MaskedTotal", "masked_totals"]

_REDUCTIONS = frozenset({"sum", "mean"})
_KEPT_FROM_ZERO = frozenset({"clamp", "clamp_min", "add", "maximum"})


@dataclass(frozen=True, slots=True, eq=False)
class MaskedTotal:
    """The sum, the name of the mask, and where something is divided by the number of its entries."""

    site: Site
    mask: str
    counted: Site


def masked_totals(program: Program) -> Iterator[MaskedTotal]:
    """Each sum or mean of all that layers gave, times a mask, once."""
    users = consumers(program)
    told: set[ast.AST] = set()
    for node in nodes_of(program, "mul"):
        if len(node.inputs) != 2:
            continue
        for term, mask in (node.inputs, node.inputs[::-1]):
            total = _total(term)
            if total is None or total.site is None or total.site.node in told:
                continue
            counted = _counted_in(mask, users)
            if counted is not None:
                told.add(total.site.node)
                name = mask.name if isinstance(mask, Sym) and mask.name else "the mask"
                yield MaskedTotal(total.site, name, counted)


def _total(term: Value) -> Sym | None:
    """The sum or mean of all that layers gave, as it is or times numbers."""
    while isinstance(term, Sym) and term.op in {"mul", "neg", "truediv"}:
        tensors = [i for i in term.inputs if to_number(i) is None]
        if len(tensors) != 1:
            return None
        term = tensors[0]
    if not isinstance(term, Sym) or term.op not in _REDUCTIONS or term.attrs.get("dim") is not None:
        return None
    return term if any(one.layer is not None for one in ancestors(term)) else None


def _counted_in(mask: Value, users: dict[int, list[Sym]]) -> Site | None:
    """Where something is divided by the sum of the mask's entries, if that is what it is used for besides."""
    for count in users.get(mask.id, ()) if isinstance(mask, Sym) and mask.shape != () else ():
        if count.op == "sum" and count.attrs.get("dim") is None:
            kept = [count, *(u for u in users.get(count.id, ()) if u.op in _KEPT_FROM_ZERO)]
            for user in (user for one in kept for user in users.get(one.id, ())):
                if user.op == "truediv" and user.inputs[1:2] in [(one,) for one in kept]:
                    return user.site
    return None
