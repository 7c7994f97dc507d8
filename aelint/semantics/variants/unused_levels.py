"""Codebooks, or other parts in a row, of which a random number leaves out the last: `for book in books[:randrange(1, n)]`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Context, Loop
from aelint.semantics.domain.values import External, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.operators.api import to_int
from aelint.syntax.walk import walk

__all__ = ["UnusedLevels", "unused_levels"]

_EXCLUSIVE = frozenset({"random.randrange", "numpy.random.randint", "torch.randint"})


@dataclass(frozen=True, slots=True, eq=False)
class UnusedLevels:
    """The draw, the attribute and its `count` of entries, and where at most all but one of them are gone through."""

    drawn: Site
    books: str
    count: int
    gone_through: Site


def unused_levels(program: Program) -> Iterator[UnusedLevels]:
    """Loops over the entries of an attribute, as many as a draw gives whose exclusive bound is their number."""
    looked_at: set[ast.AST] = set()
    for call in program.calls:
        loop = call.context.loops[-1] if call.context.loops else None
        if loop is None or not isinstance(loop.node, ast.For) or loop.node in looked_at:
            continue
        looked_at.add(loop.node)
        owner = call.context.stack[-1].receiver if call.context.stack else None
        for drawn, books in _gone_through(program, loop, call):
            count = _size(owner, books)
            if count is not None and count == _excluded(drawn):
                yield UnusedLevels(drawn.site, books, count, Site(call.site.unit, loop.node.iter))


def _gone_through(program: Program, loop: Loop, call: Call) -> Iterator[tuple[Call, str]]:
    """The random draws that a loop's number of rounds may come from, with the attribute whose entries it goes through."""
    if isinstance(loop.node, ast.For) and isinstance(loop.node.target, ast.Name):
        for books in _indexed(loop.node, loop.node.target.id):
            counts = loop.iterable.inputs if isinstance(loop.iterable, Sym) else ()
            yield from ((drawn, books) for drawn in _drawn(program, counts))
    for books, stop in _shortened(loop.node):
        bound = [
            b.value for b in program.bindings_of(stop) if b.order < call.order and _in_call(b.context, call.context)
        ]
        yield from ((drawn, books) for drawn in _drawn(program, bound[-1:]))


def _in_call(one: Context, other: Context) -> bool:
    return bool(one.stack) and bool(other.stack) and one.stack[-1] is other.stack[-1]


def _drawn(program: Program, counts: Iterable[Value]) -> list[Call]:
    """The random draws among what some numbers may be."""
    made = {id(_tensor(alternative)) for count in counts for alternative in alternatives(count)}
    return [c for c in program.calls if id(c.result) in made and isinstance(c.callee, External)]


def _tensor(number: Value) -> Value:
    """The tensor that a number was taken out of: `int(drawn)`, `drawn.item()`."""
    while isinstance(number, Sym) and number.op in {"int", "item", "item_value"} and len(number.inputs) == 1:
        number = number.inputs[0]
    return number


def _excluded(call: Call) -> int | None:
    """The upper bound of a draw that never gives it."""
    exclusive = isinstance(call.callee, External) and call.callee.name in _EXCLUSIVE
    numbers = [to_int(a) for a in call.args[:2]]
    return numbers[-1] if exclusive and numbers else None


def _indexed(loop: ast.For, index: str) -> Iterator[str]:
    """The attributes that a loop goes through by position."""
    for node in walk(loop):
        match node:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name), slice=ast.Name(id=found)):
                if found == index:
                    yield name


def _shortened(loop: ast.AST) -> Iterator[tuple[str, str]]:
    """The attributes of which a loop goes through the first entries, and the name of their number: `self.books[:n]`."""
    for node in walk(loop.iter) if isinstance(loop, ast.For) else ():
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="self"), attr=name),
                slice=ast.Slice(lower=None | ast.Constant(value=0), upper=ast.Name(id=stop), step=None),
            ):
                yield name, stop


def _size(owner: Value, name: str) -> int | None:
    """How many modules or parameters an attribute holds."""
    match owner.attrs.get(name) if isinstance(owner, Instance) else None:
        case Object(children=dict() as children, complete=True):
            return len(children)
        case ListValue(items=items, complete=True):
            return len(items)
        case _:
            return None
