"""Means that are divided by the number of their entries once more."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import own_nodes

__all__ = ["means_divided_again"]

_MEANS = frozenset({"mean", "average", "fmean", "nanmean"})
_STACKS = frozenset({"stack", "tensor", "as_tensor", "cat", "array", "asarray", "FloatTensor"})
_AS_NUMBER = frozenset({"item", "detach", "cpu", "numpy", "float"})


@per_program
def means_divided_again(program: Program) -> list[Site]:
    """Quotients `mean(values) / len(values)` of a list that the function fills round by round."""
    return [
        Site(program.unit, quotient)
        for function in program.own_functions
        if isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and function.module.unit is program.unit
        for quotient in _in_function(own_nodes(function.node))
    ]


def _in_function(nodes: list[ast.AST]) -> Iterator[ast.BinOp]:
    filled = {
        ast.unparse(n.func.value)
        for n in nodes
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "append"
    }
    given = _given_once(nodes) if filled else {}
    for node in nodes:
        match node:
            case ast.BinOp(op=ast.Div(), left=left, right=ast.Call(func=ast.Name(id="len"), args=[entries])):
                if ast.unparse(entries) in filled and _is_mean_of(left, ast.unparse(entries), given):
                    yield node
            case _:
                pass


def _given_once(nodes: list[ast.AST]) -> dict[str, ast.expr]:
    """What each name stands for that a function sets in one place alone."""
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return {
        n.targets[0].id: n.value
        for n in nodes
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and stored.count(n.targets[0].id) == 1
    }


def _is_mean_of(value: ast.expr, entries: str, given: dict[str, ast.expr]) -> bool:
    match value:
        case ast.Name(id=name) if name in given and name != entries:
            return _is_mean_of(given[name], entries, {k: v for k, v in given.items() if k != name})
        case ast.Call(func=ast.Name(id="float"), args=[inner]):
            return _is_mean_of(inner, entries, given)
        case ast.Call(func=ast.Attribute(value=inner, attr=attr), args=[]) if attr in _AS_NUMBER:
            return _is_mean_of(inner, entries, given)
        case ast.Call(func=ast.Attribute(value=inner, attr="mean"), args=[]):
            return _is_stack_of(inner, entries)
        case ast.Call(func=ast.Attribute(attr=attr) | ast.Name(id=attr), args=[whole, *_]) if attr in _MEANS:
            return ast.unparse(whole) == entries or _is_stack_of(whole, entries)
        case ast.BinOp(op=ast.Div(), right=ast.Call(func=ast.Name(id="len"), args=[counted])):
            return ast.unparse(counted) == entries
        case _:
            return False


def _is_stack_of(value: ast.expr, entries: str) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(attr=attr), args=[inner, *_]):
            return attr in _STACKS and ast.unparse(inner) == entries
        case _:
            return False
