"""Tables that a loop makes anew in every round, although their keys name the rounds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import scopes, uses
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["RebuiltTable", "rebuilt_tables"]


@dataclass(frozen=True, slots=True, eq=False)
class RebuiltTable:
    """`name = {key of the round: ...}` in a loop that never reads `name`, and the first read behind it."""

    site: Site
    name: str
    read: Site


def rebuilt_tables(program: Program) -> Iterator[RebuiltTable]:
    """Tables of which only the entry of the last round is left when they are read."""
    for scope in scopes(program.tree):
        for loop in (n for n in own_nodes(scope) if isinstance(n, ast.For) and not _is_left(n)):
            for name, made in _made_in(loop):
                read = _read_behind(scope, loop, name)
                if read is not None:
                    yield RebuiltTable(Site(program.unit, made), name, Site(program.unit, read))


def _is_left(loop: ast.For) -> bool:
    """Whether the loop may end before its last round: then one entry may be all that is wanted."""
    return any(isinstance(n, (ast.Break, ast.Return)) for n in walk(loop))


def _made_in(loop: ast.For) -> Iterator[tuple[str, ast.stmt]]:
    targets = {n.id for n in every(ast.Name, loop.target)}
    for statement in loop.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys)):
                named = [k for k in keys if k is not None and {n.id for n in every(ast.Name, k)} & targets]
                if keys and len(named) == len(keys):
                    yield name, statement


def _read_behind(root: ast.AST, loop: ast.For, name: str) -> ast.Name | None:
    inside = {id(n) for n in walk(loop)}
    mentions = uses(root, name)
    stores = [n for n in mentions if not isinstance(n.ctx, ast.Load)]
    if any(id(n) in inside for n in mentions if isinstance(n.ctx, ast.Load)):
        return None
    # Made anew between the loop and the read, or in another branch of the loop: another story.
    if sum(id(n) in inside for n in stores) != 1 or any(n.lineno > (loop.end_lineno or 0) for n in stores):
        return None
    reads = (n for n in mentions if isinstance(n.ctx, ast.Load) and n.lineno > (loop.end_lineno or 0))
    return min(reads, key=lambda n: (n.lineno, n.col_offset), default=None)
