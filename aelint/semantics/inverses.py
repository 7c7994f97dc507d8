"""Normalisations and what is to undo them, as they are written: `(x - mean) / std` against `(y + mean) * std`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.program import Program
from aelint.syntax.walk import every

__all__ = ["WrongInverse", "wrong_inverses"]


@dataclass(frozen=True, slots=True, eq=False)
class WrongInverse:
    """An expression that adds before it multiplies, and the normalisation with the same two numbers."""

    site: Site
    normalized: Site
    mean: str
    std: str


def wrong_inverses(program: Program) -> Iterator[WrongInverse]:
    """Sums multiplied by a deviation in a file that normalises with the same mean and deviation, subtraction first."""
    forward: dict[tuple[str, str], ast.AST] = {}
    other: set[tuple[str, str]] = set()
    nodes = every(ast.BinOp, program.tree)
    for node in nodes:
        match node:
            case ast.BinOp(left=ast.BinOp(op=ast.Sub(), right=mean), op=ast.Div(), right=std) if _fits(mean, std):
                forward.setdefault((ast.unparse(mean), ast.unparse(std)), node)
            case ast.BinOp(left=ast.BinOp(op=ast.Div(), right=std), op=ast.Sub(), right=mean):
                other.add((ast.unparse(mean), ast.unparse(std)))
    for node in nodes if forward else ():
        for mean, std in _added_then_scaled(node):
            key = (ast.unparse(mean), ast.unparse(std))
            if key in forward and key not in other:
                yield WrongInverse(Site(program.unit, node), Site(program.unit, forward[key]), *key)
                break


def _fits(mean: ast.expr, std: ast.expr) -> bool:
    """Whether both are names or numbers, and the mean is not the number that makes the order irrelevant."""
    kinds = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)
    # `(n - 1) / size` counts chunks, and `(i + 1) * size` is where one of them ends.
    alike = isinstance(mean, ast.Constant) == isinstance(std, ast.Constant)
    return alike and isinstance(mean, kinds) and isinstance(std, kinds) and ast.unparse(std) != "1"


def _added_then_scaled(node: ast.BinOp) -> Iterator[tuple[ast.expr, ast.expr]]:
    if not isinstance(node.op, ast.Mult):
        return
    for total, factor in ((node.left, node.right), (node.right, node.left)):
        match total:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield right, factor
                yield left, factor
