"""Sequences that are sorted by their lengths to be packed, and whose results are never put back in their order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.comparisons import comparisons
from aelint.syntax.walk import own_nodes

__all__ = ["SortedRows", "sorted_rows"]

_PACK = "pack_padded_sequence"
_CHOICES = frozenset({"getitem", "index_select", "gather", "scatter"})


@dataclass(frozen=True, slots=True, eq=False)
class SortedRows:
    """Where results leave the function that sorted for them, where it sorted, and where they meet rows in the old order."""

    site: Site
    sorted: Site
    compared: Site


def sorted_rows(program: Program) -> Iterator[SortedRows]:
    """Comparisons of what was made of `x[order]`, packed, with rows that no such order was put on."""
    packs = {
        c.result.id: (c, order) for c in program.calls_to(_PACK) if isinstance(c.result, Sym) and (order := _order(c))
    }
    for one in comparisons(program) if packs else ():
        for made, other in ((one.first, one.second), (one.second, one.first)):
            behind = list(ancestors(made))
            match next((packs[a.id] for a in behind if a.id in packs), None):
                case (pack, Sym(site=Site() as site) as order) if not _is_sorted(other):
                    if not any(_puts_back(a, order) for a in behind):
                        yield SortedRows(_left_at(pack), site, one.site)
                case _:
                    pass


def _order(pack: Call) -> Sym | None:
    """The sorting order of what is packed, if one picks its rows."""
    for one in ancestors(pack.args[0] if pack.args else pack.kwargs.get("input")):
        index = one.attrs.get("index") if one.op in _CHOICES else None
        if isinstance(index, Sym) and _sorts(index):
            return index
    return None


def _sorts(index: Sym) -> bool:
    match index:
        case Sym(op="argsort") | Sym(op="item", attrs={"index": 1}, inputs=(Sym(op="sort"), *_)):
            return True
        case _:
            return False


def _puts_back(value: Sym, order: Sym) -> bool:
    """Whether a value picks rows by something that was made of the order: its inverse."""
    index = value.attrs.get("index") if value.op in _CHOICES else None
    return isinstance(index, Sym) and index is not order and any(_holds(a, order) for a in ancestors(index))


def _holds(value: Sym, order: Sym) -> bool:
    """Whether it is the order, or was written at the places that it names: `inverse[order] = arange(n)`."""
    return value is order or value.attrs.get("index") is order


def _is_sorted(value: Value) -> bool:
    return any(isinstance(index := a.attrs.get("index"), Sym) and _sorts(index) for a in ancestors(value))


def _left_at(pack: Call) -> Site:
    """What the function that packs returns in the end; the call itself where it stands in none."""
    function = pack.context.function
    nodes = own_nodes(function.node) if function is not None else []
    ends = [n.value for n in nodes if isinstance(n, ast.Return) and n.value is not None]
    return Site(pack.site.unit, ends[-1]) if ends else pack.site
