"""Named terms that a function computes beside the loss that it returns, and never reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import Pattern

from aelint.rule import Site
from aelint.semantics.dataflow.liveness import dead_stores, names_read
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import every

__all__ = ["DeadTerm", "dead_terms"]


@dataclass(frozen=True, slots=True)
class DeadTerm:
    """An assignment to a name that nothing reads, and what the function returns instead."""

    name: str
    function: ast.AST
    site: Site
    returned: Site


def dead_terms(program: Program, term: Pattern[str], metric: Pattern[str]) -> Iterator[DeadTerm]:
    """Terms by their names (`term`, but not `metric`) in functions that return something made of other terms."""
    for function in program.own_functions:
        node = function.node
        if isinstance(node, ast.Lambda) or metric.search(node.name):
            continue
        read = names_read(node)
        for dead in dead_stores(node):
            name = dead.target.id
            if (
                name in read
                or not term.search(name)
                or metric.search(name)
                or not _is_computed(node, dead.target, dead.value)
            ):
                continue
            returned = next((r for r in every(ast.Return, node) if _holds_term(node, r, term)), None)
            if returned is not None:
                yield DeadTerm(name, node, Site(program.unit, dead.target), Site(program.unit, returned))


def _is_computed(function: ast.AST, target: ast.Name, value: ast.expr) -> bool:
    """Whether arithmetic or a call gives the value to that name alone: of a tuple one takes what one wants."""
    alone = any(s.targets == [target] for s in every(ast.Assign, function))
    made = isinstance(value, (ast.BinOp, ast.Call, ast.UnaryOp)) and bool(every(ast.Call, value))
    return alone and made and not _WORKS.search(_called(value))


_WORKS = re.compile(r"(^|_)(train|fit|run|step|epoch|optimi[sz]e|update)(_|$)|backward", re.IGNORECASE)
"""Names of functions that are called for what they do: the number that they give back may be left alone."""


def _called(value: ast.expr) -> str:
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def _holds_term(function: ast.AST, returned: ast.Return, term: Pattern[str]) -> bool:
    """Whether a result is computed from something that bears the name of a term."""
    names = {n.id for n in every(ast.Name, returned.value)} if returned.value is not None else set()
    made = [
        s.value for s in every(ast.Assign, function) for t in s.targets if isinstance(t, ast.Name) and t.id in names
    ]
    names |= {n.id for value in made for n in every(ast.Name, value)}
    return any(term.search(name) for name in names)
