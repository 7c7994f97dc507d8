"""Loops over epochs or steps whose counter is advanced twice for one and the same work.

Two updates of one round may each be counted, and a counter that is a position may skip one. What tells is that all the
work stands on one side: between both counts, or around them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import uses
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["CountedTwice", "counted_twice"]

_COUNTER = re.compile(r"(^|_)(epochs?|steps?|iters?|iterations?|it)(_|$|\d)")
_WORK = frozenset({"step", "backward", "fit", "training_step"})
_SHOWN = re.compile(r"print|log|write|format|tqdm|set_description|set_postfix|info|add_scalar")
_JUMPS = (ast.Continue, ast.Break, ast.Return, ast.Raise)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True, slots=True, eq=False)
class CountedTwice:
    """The second count of a round, the first, and the loop's test."""

    name: str
    site: Site
    first: Site
    test: Site


@dataclass(frozen=True, slots=True)
class _Count:
    """A statement that adds to the counter, and where in the loop's body it or the branch around it stands."""

    statement: ast.AugAssign
    place: int
    sure: bool


def counted_twice(program: Program) -> Iterator[CountedTwice]:
    """The loops of the entry file that count each round twice."""
    for loop in every(ast.While, program.tree):
        name = _bounded(loop.test)
        counts = _counts(loop, name)
        if len(counts) == 2 and any(c.sure for c in counts) and _is_one_work(loop, counts, name):
            first, second = counts
            unit = program.unit
            yield CountedTwice(name, Site(unit, second.statement), Site(unit, first.statement), Site(unit, loop.test))


def _bounded(test: ast.expr) -> str:
    """The counter of epochs or steps that a loop's test holds below a bound; "" if there is none."""
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    for part in parts:
        match part:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Lt() | ast.LtE() | ast.NotEq()]) if _COUNTER.search(name):
                return name
    return ""


def _counts(loop: ast.While, name: str) -> list[_Count]:
    """What adds to the counter in every round, or in a branch of it; none where it is set in any other way."""
    found: list[_Count] = []
    for place, statement in enumerate(loop.body):
        found += [_Count(count, place, sure=True) for count in _added(statement, name)]
        if isinstance(statement, ast.If) and not isinstance(statement.body[-1], _JUMPS):
            inner = [count for s in statement.body for count in _added(s, name)]
            # A branch that does nothing but count skips a round.
            if len(statement.body) > len(inner):
                found += [_Count(count, place, sure=False) for count in inner]
    stored = [n for n in uses(loop, name) if not isinstance(n.ctx, ast.Load)]
    return found if len(found) == len(stored) else []


def _added(statement: ast.stmt, name: str) -> list[ast.AugAssign]:
    """The statement itself, where it adds 1 to the counter."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=found), op=ast.Add(), value=ast.Constant(value=1)) if found == name:
            return [statement]
        case _:
            return []


def _is_one_work(loop: ast.While, counts: list[_Count], name: str) -> bool:
    """Whether the work of a round lies on one side of the counts, and nothing asks for the number between them."""
    first, second = counts
    between = loop.body[first.place + 1 : second.place]
    around = [*loop.body[second.place + 1 :], *loop.body[: first.place]]
    if _works(between) == _works(around):
        return False
    last = loop.body[second.place]
    asked = [n for s in (*between, last) for n in uses(s, name) if n is not second.statement.target]
    if any(not _is_shown(s, n) for n in asked for s in (*between, last) if holds(s, n)):
        return False
    return not any(isinstance(n, ast.Continue) for n in _of_round(loop))


def _works(block: list[ast.stmt]) -> bool:
    """Whether a block trains: it has a loop, or takes a step."""
    for node in (n for statement in block for n in walk(statement)):
        match node:
            case ast.For() | ast.AsyncFor() | ast.While():
                return True
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _WORK or "train" in name:
                return True
    return False


def _is_shown(statement: ast.stmt, name: ast.Name) -> bool:
    """Whether a name is read for a message alone."""
    calls = (c for c in every(ast.Call, statement) if holds(c, name))
    return any(_SHOWN.search(ast.unparse(c.func).lower()) for c in calls)


def _of_round(loop: ast.While) -> Iterator[ast.AST]:
    """What stands in a loop and in no loop inside of it."""
    inner = [n for n in own_nodes(loop) if isinstance(n, _LOOPS)]
    return (n for n in own_nodes(loop) if not any(holds(one, n) for one in inner))
