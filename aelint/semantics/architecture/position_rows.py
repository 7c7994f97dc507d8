"""Tables of positions of which one row is added where a row for each position is meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name, scopes, uses
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["SingleRow", "single_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class SingleRow:
    """A table that is indexed with a length, which is to be cut to it; `length` is the index as written."""

    site: Site
    length: str


def single_rows(program: Program) -> Iterator[SingleRow]:
    """Sums of a tensor and the row of a table at the tensor's own length: every position gets the same row."""
    for scope in scopes(program.tree):
        for first, second in _sums(scope):
            for value, other in ((first, second), (second, first)):
                table = _unwrapped(other)
                if not isinstance(table, ast.Subscript) or not _is_of_positions(table):
                    continue
                length = _single_index(table)
                if length is not None and _measures(scope, length, value):
                    yield SingleRow(Site(program.unit, table), ast.unparse(length))


def _sums(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in own_nodes(scope):
        match node:
            case ast.BinOp(left=first, op=ast.Add(), right=second):
                yield first, second
            case ast.AugAssign(target=ast.Name() as first, op=ast.Add(), value=second):
                yield first, second


def _unwrapped(node: ast.expr) -> ast.expr:
    """A table without `.to(device)`, `.detach()` and the like behind it."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return node


def _is_of_positions(table: ast.Subscript) -> bool:
    """Whether a table is kept by an object, or is named for positions: other tables are indexed with counts for a reason."""
    name = last_name(table.value).lower()
    return is_own_attribute(table.value) or "pos" in name or "emb" in name or name == "pe"


def _single_index(table: ast.Subscript) -> ast.expr | None:
    """The only index of a subscript that takes one row; None where it takes a stretch or more than one index."""
    index = table.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    chosen = [p for p in parts if not _is_whole(p)]
    return chosen[0] if len(chosen) == 1 and not isinstance(chosen[0], ast.Slice) else None


def _is_whole(part: ast.expr) -> bool:
    match part:
        case ast.Slice(lower=None, upper=None):
            return True
        case ast.Constant(value=value):
            return value is None or value is Ellipsis
        case _:
            return False


def _measures(scope: ast.AST, length: ast.expr, value: ast.expr) -> bool:
    """Whether an index is the length of a tensor that takes part in a value, directly or by a name that is set once."""
    if isinstance(length, ast.Name):
        bound = [b for n in own_nodes(scope) if (b := _bound(n, length.id)) is not None]
        stores = [n for n in uses(scope, length.id) if not isinstance(n.ctx, ast.Load)]
        return len(bound) == len(stores) == 1 and _is_in(bound[0], value)
    measured = _measured(length)
    return measured is not None and _is_in(measured, value)


def _bound(node: ast.AST, name: str) -> ast.expr | None:
    """The tensor whose length a statement gives to a name; also as a part of its whole shape."""
    match node:
        case ast.Assign(targets=[ast.Name(id=one)], value=value) if one == name:
            return _measured(value)
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
            here = [isinstance(n, ast.Name) and n.id == name for n in names]
            return _shaped(value) if any(here[:-1]) else None
        case _:
            return None


def _measured(node: ast.expr) -> ast.expr | None:
    """The tensor of which an expression is the length along an axis that holds no features."""
    match node:
        case ast.Subscript(value=shape, slice=ast.Constant(value=int(axis))) if axis >= 0:
            return _shaped(shape)
        case ast.Call(func=ast.Attribute(value=tensor, attr="size"), args=[ast.Constant(value=int(axis))]) if axis >= 0:
            return tensor
        case _:
            return None


def _shaped(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Attribute(value=tensor, attr="shape"):
            return tensor
        case ast.Call(func=ast.Attribute(value=tensor, attr="size"), args=[]):
            return tensor
        case _:
            return None


def _is_in(tensor: ast.expr, value: ast.expr) -> bool:
    """Whether the value is made of the tensor by arithmetic alone: then it has this length."""
    plain = (ast.BinOp, ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.UnaryOp)
    if not isinstance(tensor, ast.Name) or not isinstance(value, (ast.Name, ast.BinOp)):
        return False
    arithmetic = all(isinstance(n, plain) for n in walk(value))
    return arithmetic and any(n.id == tensor.id for n in every(ast.Name, value))
