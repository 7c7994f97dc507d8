"""Loops over the samples of a batch that add up what was computed from the whole batch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import every

__all__ = ["WholeBatch", "whole_batches"]


@dataclass(frozen=True, slots=True, eq=False)
class WholeBatch:
    """A call that each round repeats for `names`, of which other statements of the round take one sample."""

    call: Site
    names: tuple[str, ...]
    sample: Site


def whole_batches(program: Program) -> Iterator[WholeBatch]:
    """`total += score(a, b)` in a loop that reads `a[i]` and `b[i]`: every argument is the whole of what the loop goes through."""
    for loop in every(ast.For, program.tree):
        if isinstance(loop.target, ast.Name) and _counts(loop.iter):
            taken = _taken(loop, loop.target.id)
            for call in _added(loop) if len(taken) > 1 else ():
                names = [a.id for a in call.args if isinstance(a, ast.Name)]
                if len(names) == len(call.args) > 1 and taken.keys() >= set(names) and not _varies(loop, call):
                    yield WholeBatch(Site(program.unit, call), tuple(names), Site(program.unit, taken[names[0]]))


def _counts(iterable: ast.expr) -> bool:
    return isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) and iterable.func.id == "range"


def _taken(loop: ast.For, index: str) -> dict[str, ast.AST]:
    """The names of which the loop reads the item of its round."""
    found: dict[str, ast.AST] = {}
    for one in every(ast.Subscript, loop):
        first = one.slice.elts[0] if isinstance(one.slice, ast.Tuple) and one.slice.elts else one.slice
        match one.value, first:
            case ast.Name(id=name), ast.Name(id=at) if at == index and isinstance(one.ctx, ast.Load):
                found.setdefault(name, one)
            case _:
                pass
    return found


def _added(loop: ast.For) -> Iterator[ast.Call]:
    """The calls whose result each round adds to a sum or appends to a list."""
    for statement in loop.body:
        match statement:
            case ast.AugAssign(op=ast.Add(), value=ast.Call() as call):
                yield call
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append"), args=[ast.Call() as call])):
                yield call
            case _:
                pass


def _varies(loop: ast.For, call: ast.Call) -> bool:
    """Whether anything that the call reads is set in the loop, its index among it."""
    bound = {n.id for n in every(ast.Name, loop) if isinstance(n.ctx, ast.Store)}
    return any(n.id in bound for n in every(ast.Name, call))
