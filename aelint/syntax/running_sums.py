"""Sums that a loop adds up and what comes behind divides: where they begin, what counts the rounds, where the mean is taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from aelint.syntax.names import last_name, uses
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["division", "lengths", "loaded", "round_counts", "unwrapped", "zeros"]


def unwrapped(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block with the bodies of its `with` statements in their places: they run once, as all else does."""
    return [one for s in block for one in (unwrapped(s.body) if isinstance(s, ast.With) else [s])]


def zeros(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement sets to zero."""
    for target, value in _pairs(statement):
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and value.value == 0:
            yield target.id


def _pairs(statement: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """What an assignment sets, each with what it is set to."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            return list(zip(targets, values, strict=False))
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case _:
            return []


@once_per_node
def loaded(tree: ast.Module) -> dict[str, set[str]]:
    """The data sets that the loaders of a file are built from, by the names of the loaders."""
    found: dict[str, set[str]] = {}
    for target, value in (pair for statement in every(ast.Assign, tree) for pair in _pairs(statement)):
        if isinstance(value, ast.Call) and last_name(value.func) == "DataLoader":
            given = [*value.args[:1], *(k.value for k in value.keywords if k.arg == "dataset")]
            texts = {ast.unparse(data) for data in given if last_name(data)}
            found.setdefault(ast.unparse(target), set()).update(texts)
    return found


def lengths(statement: ast.stmt, counts: set[str]) -> Iterator[str]:
    """The names that a statement gives to a number of rounds."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.unparse(value) in counts:
            yield name
        case _:
            pass


def round_counts(loop: ast.For, data: Mapping[str, set[str]]) -> set[str]:
    """What stands for the number of rounds: counters that grow by one, and the length of what is gone through.

    `data` are the data sets that loaders are built from: their lengths count the samples of all rounds.
    """
    gone_through = [ast.unparse(part) for part in walk(loop.iter) if isinstance(part, (ast.Name, ast.Attribute))]
    found = {f"len({one}{part})" for one in gone_through for part in ("", ".dataset", ".sampler")}
    found |= {f"len({one})" for loader in gone_through for one in data.get(loader, ())}
    for statement in loop.body:
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=ast.Constant(value=1)):
                found.add(name)
            case _:
                pass
    if isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range":
        found |= {ast.unparse(a) for a in loop.iter.args[-1:]}
    return found


def division(rest: list[ast.stmt], name: str, counts: set[str]) -> ast.AST | None:
    """The first division of the name, or of a multiple of it, by the number of rounds."""
    for statement in rest:
        for node in walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Div(), right=right) if uses(left, name) and _is_count(right, counts):
                    return node
                case ast.AugAssign(target=ast.Name(id=target), op=ast.Div(), value=value) if target == name:
                    return node if _is_count(value, counts) else None
                case _:
                    pass
        if any(isinstance(n.ctx, ast.Store) for n in uses(statement, name)):
            return None
    return None


def _is_count(divisor: ast.expr, counts: set[str]) -> bool:
    match divisor:
        case ast.Call(func=ast.Name(id="float" | "int" | "max"), args=[inner, *_]):
            return _is_count(inner, counts)
        case _:
            return ast.unparse(divisor) in counts
