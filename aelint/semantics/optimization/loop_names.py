"""Names of loops that take the place of values which are still wanted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import uses
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["Taken", "taken_names"]

Loop = ast.For | ast.AsyncFor


@dataclass(frozen=True, slots=True)
class Taken:
    """A loop whose own name was that of another value, and where that other value is asked for."""

    name: str
    site: Site
    """The target of the loop."""
    held: Site
    """Where the name got the value that is lost."""
    read: Site
    of_loop: bool
    """Whether the lost value is that of a loop around this one."""


def taken_names(program: Program) -> Iterator[Taken]:
    """Loops inside of a loop over the same name, which is read behind them, and loops over one name of several."""
    for scope in walk(program.tree):
        if not isinstance(scope, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        nodes = own_nodes(scope)
        for node in nodes:
            if isinstance(node, Loop):
                yield from _around(program, node)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
                yield from _beside(program, node, nodes)


def _around(program: Program, outer: Loop) -> Iterator[Taken]:
    names = _bound(outer)
    for inner, behind in _behind(outer.body, []):
        if any(isinstance(n, ast.Break) for n in own_nodes(inner)):
            continue  # What the loop found is wanted.
        for name, target in _bound(inner).items():
            first = _first(behind, name)
            if name in names and first is not None and not _sums_up(behind, first, inner):
                unit = program.unit
                yield Taken(name, Site(unit, target), Site(unit, names[name]), Site(unit, first), of_loop=True)


def _sums_up(behind: list[ast.stmt], read: ast.Name, inner: Loop) -> bool:
    """Whether the name is read beside what the inner loop has added up: `total / (i + 1)` counts the inner rounds."""
    added = {n.target.id for n in every(ast.AugAssign, inner) if isinstance(n.target, ast.Name)}
    simple = (s for one in behind for s in every(ast.stmt, one) if not hasattr(s, "body"))
    return any(read in walk(s) and any(uses(s, name) for name in added) for s in simple)


def _beside(program: Program, held: ast.Assign, nodes: list[ast.AST]) -> Iterator[Taken]:
    """A loop over a name that was given beside others, and that a call inside of the loop takes beside them."""
    names = _names(held.targets[0])
    for node in nodes:
        if not isinstance(node, Loop) or node.lineno <= held.lineno:
            continue
        for name, target in _bound(node).items():
            named = [n for n in nodes if isinstance(n, ast.Name) and n.id == name and n is not target]
            start, end = held.end_lineno or held.lineno, node.lineno
            if name not in names or any(start < n.lineno <= end for n in named):
                continue
            calls = (n for s in node.body for n in every(ast.Call, s))
            for call in calls:
                given = [a.id for a in call.args if isinstance(a, ast.Name)]
                if name in given and len(set(given) & names.keys()) > max(1, len(names) - 2):
                    unit = program.unit
                    yield Taken(name, Site(unit, target), Site(unit, names[name]), Site(unit, call), of_loop=False)
                    break


def _bound(loop: Loop) -> dict[str, ast.Name]:
    return {name: node for name, node in _names(loop.target).items() if not name.startswith("_")}


def _names(target: ast.expr) -> dict[str, ast.Name]:
    return {n.id: n for n in every(ast.Name, target) if isinstance(n.ctx, ast.Store)}


def _behind(body: list[ast.stmt], later: list[ast.stmt]) -> Iterator[tuple[Loop, list[ast.stmt]]]:
    """The loops in a block, each with the statements of the same round that run after it."""
    for position, statement in enumerate(body):
        rest = [*body[position + 1 :], *later]
        if isinstance(statement, (ast.Break, ast.Continue, ast.Return, ast.Raise)):
            return
        if isinstance(statement, Loop):
            yield statement, [*statement.orelse, *rest]
        if isinstance(statement, (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith)):
            leaves = isinstance(statement.body[-1], (ast.Break, ast.Continue, ast.Return, ast.Raise))
            yield from _behind(statement.body, [] if leaves else rest)
            yield from _behind(getattr(statement, "orelse", []), rest)


def _first(statements: list[ast.stmt], name: str) -> ast.Name | None:
    """The first place that names it, if it is read there."""
    for statement in statements:
        found = uses(statement, name)
        if not found:
            continue
        if any(isinstance(n, ast.comprehension) and name in _names(n.target) for n in walk(statement)):
            return None
        return found[0] if all(isinstance(n.ctx, ast.Load) for n in found) else None
    return None
