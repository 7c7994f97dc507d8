"""Results that are unpacked into another number of names than they have parts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym
from aelint.syntax.walk import every, once_per_node

__all__ = ["Unpacked", "unpacked_otherwise"]


@dataclass(frozen=True, slots=True, eq=False)
class Unpacked:
    """The assignment, how many names it has, and how many parts what is called gives; None for one tensor, which is taken apart row by row."""

    site: Site
    names: int
    parts: int | None
    returned: Site | None


def unpacked_otherwise(program: Program) -> Iterator[Unpacked]:
    """Assignments of a call's result to several names, where no call of that place gave as many."""
    made: dict[ast.AST, list[Call]] = {}
    for call in program.calls:
        made.setdefault(call.site.node, []).append(call)
    for unit in program.files:
        for statement, names, value in _unpackings(unit.tree):
            found = {_parts(call) for call in made.get(value, ())}
            if found and not found & {names, "unknown"}:
                parts = next(iter(found))
                returned = _returned(program, made[value][0])
                yield Unpacked(Site(unit, statement), names, parts if isinstance(parts, int) else None, returned)


@once_per_node
def _unpackings(tree: ast.AST) -> list[tuple[ast.Assign, int, ast.Call]]:
    """The assignments of a call's result to several names, with their number."""
    found = []
    for statement in every(ast.Assign, tree):
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Call() as value):
                if not any(isinstance(name, ast.Starred) for name in names):
                    found.append((statement, len(names), value))
            case _:
                pass
    return found


def _parts(call: Call) -> int | str:
    match call.result:
        case tuple() as parts:
            return len(parts)
        case Sym(tensor=True, shape=(Poly() as rows, *_)) if rows.has_batch:
            return "rows"
        case _:
            return "unknown"


def _returned(program: Program, call: Call) -> Site | None:
    """Where the function that was called gives its result back."""
    ends = [e for e in program.returns if e.value is call.result]
    return ends[-1].site if ends else None
