"""Loops that end in their first round, although what they do is meant for every round.

A loop may take the first element of something and leave. What tells that all rounds were meant is what the loop adds
up, what is divided by the number of rounds, or that nothing of the only round is in the value that is returned.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks_of
from aelint.syntax.names import Scope, scopes
from aelint.syntax.running_sums import loaded, round_counts
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["SingleRound", "single_rounds"]

End = ast.Return | ast.Break
_GROWING = frozenset({"append", "extend", "insert", "update", "add", "setdefault"})
_PARTS = frozenset(
    {"modules", "named_modules", "children", "named_children", "parameters", "named_parameters", "buffers"}
)
"""Methods that list the parts of a network, of which there is hardly ever one."""


@dataclass(frozen=True, slots=True, eq=False)
class SingleRound:
    """The statement that ends a loop in its first round, and what tells that the other rounds are wanted."""

    site: Site
    loop: Site
    ends: str
    """`return` or `break`."""
    wanted: str
    """What the other rounds are for."""
    evidence: Site


def single_rounds(program: Program) -> Iterator[SingleRound]:
    """The loops of the entry file that end at once."""
    for scope in scopes(program.tree):
        nodes = own_nodes(scope)
        if any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in nodes):
            continue
        for loop in nodes:
            if isinstance(loop, ast.For):
                yield from _found(program, scope, loop)


def _found(program: Program, scope: Scope, loop: ast.For) -> Iterator[SingleRound]:
    end = _end(loop)
    evidence = _evidence(scope, loop, end, loaded(program.tree)) if end is not None else None
    if end is not None and evidence is not None:
        ends, (wanted, where), unit = "return" if isinstance(end, ast.Return) else "break", evidence, program.unit
        yield SingleRound(Site(unit, end), Site(unit, loop.iter), ends, wanted, Site(unit, where))


def _end(loop: ast.For) -> End | None:
    """What ends every first round: the last statement of the body, where nothing goes on to the next round."""
    block = loop.body
    while isinstance(block[-1], ast.With):
        block = block[-1].body
    goes_on = any(isinstance(n, ast.Continue) for n in _of_round(loop.body))
    last = block[-1]
    return last if isinstance(last, End) and len(block) > 1 and not goes_on and not _is_short(loop.iter) else None


def _of_round(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, without the bodies of loops and functions in it."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for block in [statement.orelse] if isinstance(statement, (ast.For, ast.While)) else blocks_of(statement):
            yield from _of_round(block)
        for handler in getattr(statement, "handlers", []):
            yield from _of_round(handler.body)


def _is_short(iterable: ast.expr) -> bool:
    """Whether at most one round is written: a literal of one element, or `range(1)`."""
    match iterable:
        case (
            ast.List(elts=[_]) | ast.Tuple(elts=[_]) | ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=1)])
        ):
            return True
        case _:
            return False


def _evidence(scope: Scope, loop: ast.For, end: End, data: Mapping[str, set[str]]) -> tuple[str, ast.AST] | None:
    begun = _begun(scope, loop)
    rounds = {count for count in round_counts(loop, data) if count.startswith("len(")}
    if isinstance(end, ast.Break):
        return _divided(_after(scope, loop), loop, begun, rounds)
    return _divided(loop.body, loop, begun, rounds) or _unfinished(scope, loop, end, begun)


def _begun(scope: Scope, loop: ast.For) -> set[str]:
    """The names that have a value before the loop and are not its own."""
    given = set() if isinstance(scope, ast.Module) else {a.arg for a in parameters(scope)}
    before = {n.id for n in own_nodes(scope) if isinstance(n, ast.Name) and _is_stored(n) and n.lineno < loop.lineno}
    return (given | before) - {n.id for n in every(ast.Name, loop.target)}


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _after(scope: Scope, loop: ast.For) -> list[ast.stmt]:
    """The statements behind the loop, up to another loop over the same."""
    found: list[ast.stmt] = []
    for one in own_nodes(scope):
        if not isinstance(one, ast.stmt) or one.lineno <= (loop.end_lineno or loop.lineno):
            continue
        if isinstance(one, ast.For) and ast.unparse(one.iter) == ast.unparse(loop.iter):
            break
        if not any(True for _ in blocks_of(one)):
            found.append(one)
    return found


def _divided(
    statements: list[ast.stmt], loop: ast.For, begun: set[str], counts: set[str]
) -> tuple[str, ast.AST] | None:
    """A division of what the loop filled by the number of its rounds."""
    filled = begun & (_grown(loop, begun) | _handed(loop))
    for statement in statements:
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Div(), value=by) if name in filled:
                if ast.unparse(by) in counts:
                    return f"`{ast.unparse(by)}` counts them all", statement
            case _:
                pass
        for node in every(ast.BinOp, statement):
            if not isinstance(node.op, ast.Div) or ast.unparse(node.right) not in counts:
                continue
            named = {n.id for n in every(ast.Name, statement)} - {n.id for n in every(ast.Name, node.right)}
            if named & filled and {n.id for n in every(ast.Name, node.left)} - _bound(loop.target):
                return f"`{ast.unparse(node.right)}` counts them all", node
    return None


def _bound(target: ast.expr) -> set[str]:
    return {n.id for n in every(ast.Name, target)}


def _handed(loop: ast.For) -> set[str]:
    """The names that calls in the loop are given, and may fill."""
    calls = (c for s in loop.body for c in every(ast.Call, s))
    return {a.id for c in calls for a in (*c.args, *(k.value for k in c.keywords)) if isinstance(a, ast.Name)}


def _grown(loop: ast.For, begun: set[str]) -> set[str]:
    """The names to which each round adds, or from which it makes their next value."""
    found: set[str] = set()
    for node in (n for s in loop.body for n in walk(s)):
        match node:
            case ast.AugAssign(target=target):
                found |= _base(target)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _GROWING:
                found.add(name)
            case ast.Assign(targets=targets, value=value):
                read = _bound(value)
                found |= {n for t in targets if isinstance(t, ast.Subscript) for n in _base(t)}
                found |= {t.id for t in targets if isinstance(t, ast.Name)} & read
            case _:
                pass
    return found & begun


def _base(target: ast.expr) -> set[str]:
    while isinstance(target, ast.Subscript):
        target = target.value
    return {target.id} if isinstance(target, ast.Name) else set()


def _unfinished(scope: Scope, loop: ast.For, end: ast.Return, begun: set[str]) -> tuple[str, ast.AST] | None:
    """A value that is returned from within the loop alone, and is no matter of one round."""
    if end.value is None or not _is_last(scope, loop):
        return None
    named = _bound(end.value)
    grown = named & _grown(loop, begun)
    if grown:
        return f"each round adds to `{min(grown)}`", end.value
    stored = {n.id for s in loop.body for n in every(ast.Name, s) if _is_stored(n)} | _bound(loop.target)
    if named and named <= begun - stored and (_lists_parts(loop.iter) or _counts(loop.iter)):
        return f"what it returns, `{ast.unparse(end.value)}`, is not the result of one round", end.value
    return None


def _lists_parts(iterable: ast.expr) -> bool:
    calls = every(ast.Call, iterable)
    return any(isinstance(c.func, ast.Attribute) and c.func.attr in _PARTS for c in calls)


def _counts(iterable: ast.expr) -> bool:
    return any(isinstance(c.func, ast.Name) and c.func.id in {"range", "trange"} for c in every(ast.Call, iterable))


def _is_last(scope: Scope, loop: ast.For) -> bool:
    """Whether nothing of the function runs after the loop."""
    body, found = scope.body, False
    while body and not found:
        last = body[-1]
        found = last is loop
        inside = [b for b in blocks_of(last) if any(holds(s, loop) for s in b)]
        body = inside[0] if inside and isinstance(last, (ast.If, ast.With, ast.For)) else []
    return found and not loop.orelse
