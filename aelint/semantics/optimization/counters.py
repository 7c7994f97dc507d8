"""Counters and schedules that cannot advance: never increased, or set back in every round."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["Stuck", "reset_in_each_round", "still_counters"]

_COUNTS = re.compile(
    r"^(global_?|train_?|total_?|n_|num_)?(steps?|iterations?|iters?|counter|it)(_?(count|num|idx|n))?$"
)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True, slots=True, eq=False)
class Stuck:
    """A name that should change from round to round, where it is read or set back, and where it starts or grows."""

    name: str
    site: Site
    other: Site


def still_counters(program: Program) -> Iterator[Stuck]:
    """Counters that start at zero and are read in a loop, as an argument or in a condition, and never increased."""
    for function in program.own_functions:
        node = function.node
        if isinstance(node, ast.Lambda) or any(isinstance(n, (ast.Global, ast.Nonlocal)) for n in walk(node)):
            continue
        uses = [n for n in every(ast.Name, node) if _COUNTS.match(n.id)]
        for name in {u.id for u in uses}:
            stores = [u for u in uses if u.id == name and isinstance(u.ctx, ast.Store)]
            start = next((s for s in own_nodes(node) if isinstance(s, ast.stmt) and _starts(s, name)), None)
            read = _first_use(node, name)
            if len(stores) == 1 and start is not None and read is not None and start.lineno < read.lineno:
                unit = function.module.unit
                yield Stuck(name, Site(unit, read), Site(unit, start))


def _starts(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=0 | 1 as number)):
            return found == name and not isinstance(number, bool)
        case _:
            return False


def _first_use(function: ast.AST, name: str) -> ast.Name | None:
    """Where a loop hands the counter to a call or computes with it; what is only printed does not count."""
    for loop in (n for n in walk(function) if isinstance(n, _LOOPS)):
        for call in (n for n in every(ast.Call, loop) if not _shows(n)):
            for arg in (*call.args, *(k.value for k in call.keywords)):
                found = next((n for n in every(ast.Name, arg) if n.id == name), None)
                if found is not None:
                    return found
    return None


def _shows(call: ast.Call) -> bool:
    text = ast.unparse(call.func).lower()
    return any(
        word in text for word in ("print", "log", "write", "save", "add_", "set_", "format", "range", "join", "tqdm")
    )


def reset_in_each_round(program: Program) -> Iterator[Stuck]:
    """A value that grows in an inner loop, and is set back there under a condition that only the outer loop changes."""
    for outer in every(ast.For, program.tree):
        epoch = outer.target.id if isinstance(outer.target, ast.Name) else ""
        for inner in (n for n in every(ast.For, outer) if n is not outer):
            changed = {n.id for n in every(ast.Name, inner) if isinstance(n.ctx, ast.Store)}
            for branch in (s for s in inner.body if isinstance(s, ast.If) and not s.orelse):
                read = {n.id for n in every(ast.Name, branch.test)}
                if epoch not in read or read & changed:
                    continue
                for statement in branch.body:
                    grows = _grown(inner, statement)
                    if grows is not None:
                        name, growth = grows
                        yield Stuck(name, Site(program.unit, statement), Site(program.unit, growth))


def _grown(inner: ast.For, reset: ast.stmt) -> tuple[str, ast.stmt] | None:
    """The statement of the inner loop that computes the name from itself, where `reset` sets it anew."""
    match reset:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value):
            name = ast.unparse(target)
        case _:
            return None
    if name in {ast.unparse(n) for n in walk(value) if isinstance(n, (ast.Name, ast.Attribute))}:
        return None
    for statement in inner.body:
        match statement:
            case ast.AugAssign(target=found) if ast.unparse(found) == name:
                return name, statement
            case ast.Assign(targets=[found], value=grown) if ast.unparse(found) == name:
                if name in {ast.unparse(n) for n in walk(grown) if isinstance(n, (ast.Name, ast.Attribute))}:
                    return name, statement
    return None
