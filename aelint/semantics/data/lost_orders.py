"""Random orders that are drawn and never followed: the rows are read as they lie."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.mentions import strings
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.walk import every, holds, walk

__all__ = ["LostOrder", "lost_orders"]

_DRAWN = frozenset({"permutation", "randperm"})
_IN_PLACE = frozenset({"shuffle"})
_READERS = frozenset({"__getitem__", "__iter__", "__next__"})


@dataclass(frozen=True, slots=True, eq=False)
class LostOrder:
    """Where an order is drawn, the name that holds it, and where rows are read without it, if that is plain."""

    drawn: Site
    name: str
    read: Site | None


def lost_orders(program: Program) -> Iterator[LostOrder]:
    """Orders kept by a data set of which only the length is ever read, and those of a function that nothing reads."""
    for cls in program.own_classes:
        yield from _kept_by(program, cls.node)
    for function in program.own_functions:
        for dead in dead_stores(function.node):
            if _draws(dead.value) and not dead.target.id.startswith("_"):
                rows = _rows_in_order(function.node, dead.target)
                yield LostOrder(Site(program.unit, dead.target), dead.target.id, _site(program, rows))


def _site(program: Program, node: ast.AST | None) -> Site | None:
    return Site(program.unit, node) if node is not None else None


def _draws(node: ast.AST) -> bool:
    return any(last_name(call.func) in _DRAWN for call in every(ast.Call, node))


def _rows_in_order(function: ast.AST, after: ast.Name) -> ast.expr | None:
    """The first stretch of rows, `data[i : i + size]`, that a later loop of the function reads."""
    loops = (n for n in every(ast.For, function) if n.lineno >= after.lineno)
    taken = (s for loop in loops for s in every(ast.Subscript, loop) if isinstance(s.slice, ast.Slice))
    return next((s for s in taken if isinstance(s.ctx, ast.Load) and _moves(s.slice)), None)


def _moves(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) and isinstance(part.upper, ast.BinOp) and isinstance(part.lower, ast.Name)


def _kept_by(program: Program, cls: ast.ClassDef) -> Iterator[LostOrder]:
    readers = [n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name in _READERS]
    draws = dict(_own_draws(cls)) if readers else {}
    for name, statement in draws.items():
        measured, read = _readings(program, name)
        if measured and not read and name not in strings(program):
            rows = next((r for reader in readers if (r := _row(reader, name)) is not None), None)
            yield LostOrder(Site(program.unit, statement), name, _site(program, rows))


def _own_draws(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """The attributes that are set to a random order, or shuffled in place."""
    for node in walk(tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value) if _draws(
                value
            ):
                yield name, node
            case ast.Expr(value=ast.Call(func=function, args=[ast.Attribute(value=ast.Name(id="self"), attr=name)])):
                if last_name(function) in _IN_PLACE:
                    yield name, node
            case _:
                pass


def _readings(program: Program, name: str) -> tuple[int, int]:
    """How often only the length of an attribute is asked for, and how often it is read otherwise, in any file."""
    measured = read = 0
    for tree in (unit.tree for unit in program.files):
        lengths = {id(one) for node in walk(tree) for one in _measured(node)}
        draws = [statement for drawn, statement in _own_draws(tree) if drawn == name]
        for one in (n for n in every(ast.Attribute, tree) if n.attr == name and isinstance(n.ctx, ast.Load)):
            measured += id(one) in lengths
            read += id(one) not in lengths and not any(holds(draw, one) for draw in draws)
    return measured, read


def _measured(node: ast.AST) -> list[ast.expr]:
    """What only the length is asked of: `len(order)`, `order.shape`, `order.size`."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[one]) | ast.Attribute(value=one, attr="shape" | "size"):
            return [one]
        case _:
            return []


def _row(reader: ast.FunctionDef, order: str) -> ast.Subscript | None:
    """Where a reader takes a row of something else that the data set holds, at a plain position."""
    for one in every(ast.Subscript, reader):
        plain = isinstance(one.slice, ast.Name) and isinstance(one.ctx, ast.Load)
        if plain and is_own_attribute(one.value) and last_name(one.value) != order:
            return one
    return None
