"""Tensors that are taken apart by every second element and put together side by side."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes, nodes_of
from aelint.semantics.dataflow.lineage import depends_on, source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value, elements
from aelint.syntax.walk import holds, walk

__all__ = ["SeparatedHalves", "separated_halves"]


@dataclass(frozen=True, slots=True, eq=False)
class SeparatedHalves:
    """A join of two halves that were taken by every second element, in a class whose other method takes them so as well."""

    site: Site
    taken: Site
    inverse: str


@per_program
def separated_halves(program: Program) -> list[SeparatedHalves]:
    """Invertible steps whose inverse takes apart what they did not put together in that way; each join once."""
    pairs = _split_methods(program)
    if not pairs:
        return []
    found: dict[int, SeparatedHalves] = {}
    for node in nodes_of(program, "cat"):
        parts = elements(node.attrs.get("tensors")) or []
        if len(parts) != 2 or node.attrs.get("dim") != 1 or node.site is None:
            continue
        owner = next((p for p in pairs if holds(p[0], node.site.node)), None)
        even = next((s for s in nodes(program) if _is_half(s, 0) and _in(node, s, parts)), None)
        if owner is not None and even is not None and even.site is not None:
            found.setdefault(id(node.site.node), SeparatedHalves(node.site, even.site, owner[1]))
    return list(found.values())


def _in(joined: Sym, even: Sym, parts: list[Value]) -> bool:
    """Whether the joined parts come of the two halves of one tensor."""
    whole = source(even)
    return (
        isinstance(whole, Sym)
        and depends_on(joined, even)
        and all(isinstance(p, Sym) and depends_on(p, whole) for p in parts)
    )


def _is_half(node: Sym, start: int) -> bool:
    """Whether a node is `x[:, start::2]` of a tensor with more than two columns."""
    match node:
        case Sym(op="getitem", attrs={"input": Sym(shape=(_, int() as columns)), "index": (slice(), slice() as taken)}):
            return columns > 2 and taken.step == 2 and (taken.start or 0) == start
        case _:
            return False


def _split_methods(program: Program) -> list[tuple[ast.FunctionDef, str]]:
    """The methods that take a tensor apart and join it, each with another such method of its class."""
    found: list[tuple[ast.FunctionDef, str]] = []
    for cls in program.own_classes:
        both = [m for m in cls.node.body if isinstance(m, ast.FunctionDef) and _takes_apart(m)]
        found.extend((m, other.name) for m in both for other in both if other is not m)
    return found


def _takes_apart(method: ast.FunctionDef) -> bool:
    starts = set()
    joins = False
    for node in walk(method):
        match node:
            case ast.Slice(step=ast.Constant(value=2), lower=lower):
                starts.add(lower.value if isinstance(lower, ast.Constant) else 0)
            case ast.Call(func=ast.Attribute(attr="cat" | "concat" | "hstack")):
                joins = True
            case _:
                pass
    return joins and starts == {0, 1}
