"""Statements that run one after another."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.syntax.walk import once_per_node, walk

__all__ = ["blocks", "blocks_of"]


@once_per_node
def blocks(tree: ast.AST) -> list[list[ast.stmt]]:
    """Every block below a node: the bodies of the file, of functions and classes, of branches and loops."""
    return [block for node in walk(tree) if not isinstance(node, ast.expr) for block in blocks_of(node)]


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement itself: a branch has two, an expression none."""
    for part in ("body", "orelse", "finalbody"):
        block = getattr(node, part, None)
        if isinstance(block, list):
            yield block
