"""Results that a loop throws away, although it reads the names that another loop has given them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import Scope, scopes, uses
from aelint.syntax.walk import every, holds, own_nodes

__all__ = ["StaleResult", "stale_results"]

Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True, slots=True, eq=False)
class StaleResult:
    """Where results are thrown away, what another loop calls them and where, and where this loop reads one of these names."""

    thrown: Site
    names: tuple[str, ...]
    bound: Site
    read: Site


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """A result that is taken apart in a loop: the innermost around it."""

    statement: ast.Assign
    callee: str
    target: ast.expr
    loop: Loop
    place: int | None = None
    """The only part that is taken: `model(x)[0]`."""


@per_program
def stale_results(program: Program) -> list[StaleResult]:
    """Names that only another, earlier loop of a function unpacks from a call, and that a loop reads which throws these results away."""
    return [found for scope in scopes(program.tree) for found in _in_scope(program, scope)]


def _in_scope(program: Program, scope: Scope) -> Iterator[StaleResult]:
    unpackings = list(_unpackings(scope))
    for later in unpackings:
        for first in (one for one in unpackings if _is_over(one, later)):
            dropped = [name for name in _dropped(first, later) if _is_bound_in(first.loop, name, scope)]
            reads = [n for name in dropped for n in uses(later.loop, name) if not _is_given_back(n, later)]
            if reads:
                names = tuple(dict.fromkeys(n.id for n in reads))
                thrown, bound, read = (Site(program.unit, n) for n in (later.statement, first.statement, reads[0]))
                yield StaleResult(thrown, names, bound, read)
                break


def _unpackings(scope: Scope) -> Iterator[_Unpacking]:
    own = own_nodes(scope)
    loops = [n for n in own if isinstance(n, Loop)]
    for node in own:
        place: int | None = None
        match node:
            case ast.Assign(targets=[target], value=ast.Call(func=func)):
                pass
            case ast.Assign(
                targets=[target],
                value=ast.Subscript(value=ast.Call(func=func), slice=ast.Constant(value=int() as number)),
            ):
                place = number
            case _:
                continue
        around = [loop for loop in loops if holds(loop, node)]
        if around:
            yield _Unpacking(node, ast.unparse(func), target, around[-1], place)


def _is_over(first: _Unpacking, later: _Unpacking) -> bool:
    """Whether the loop of the first call ran to its end before that of the later one begins: what a loop stops at is wanted."""
    if first.callee != later.callee or first.loop.lineno >= later.loop.lineno or holds(first.loop, later.loop):
        return False
    return not any(isinstance(n, ast.Break) for n in own_nodes(first.loop))


def _dropped(first: _Unpacking, later: _Unpacking) -> Iterator[str]:
    """The names that the first gives to what the later one throws away."""
    if isinstance(first.target, ast.Tuple):
        if later.place is None:
            yield from _unnamed(first.target, later.target)
        else:
            yield from (n for i, one in enumerate(first.target.elts) if i != later.place for n in _stored(one))


def _unnamed(kept: ast.expr, thrown: ast.expr) -> Iterator[str]:
    """The names in one target where the other has none."""
    match kept, thrown:
        case _, ast.Name(id=name) if not name.strip("_"):
            yield from _stored(kept)
        case ast.Tuple(elts=names), ast.Tuple(elts=parts):
            for one, part in zip(names, _spread(parts, len(names)), strict=False):
                yield from _unnamed(one, part)
        case _:
            pass


def _spread(parts: list[ast.expr], number: int) -> list[ast.expr]:
    """The targets of a number of results: those that a starred one takes are all called the same."""
    for place, part in enumerate(parts):
        if isinstance(part, ast.Starred):
            return [*parts[:place], *[part.value] * (number - len(parts) + 1), *parts[place + 1 :]]
    return parts if len(parts) == number else []


def _stored(target: ast.expr) -> list[str]:
    return [n.id for n in every(ast.Name, target) if isinstance(n.ctx, ast.Store)]


def _is_bound_in(loop: Loop, name: str, scope: Scope) -> bool:
    """Whether nothing but a loop gives a name of a scope its value."""
    given = not isinstance(scope, ast.Module) and any(n.arg == name for n in every(ast.arg, scope.args))
    shared = [*(n.names for n in every(ast.Global, scope)), *(n.names for n in every(ast.Nonlocal, scope))]
    own = (n for n in own_nodes(scope) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store))
    return not given and not any(name in names for names in shared) and all(holds(loop, n) for n in own)


def _is_given_back(name: ast.Name, later: _Unpacking) -> bool:
    """Whether a name is read to be given to the call again, as a state is."""
    calls = (c for c in every(ast.Call, later.loop) if ast.unparse(c.func) == later.callee)
    return any(holds(call, name) for call in calls)
