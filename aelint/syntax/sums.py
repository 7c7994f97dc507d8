"""A sum as it is written: `a + b + c`."""

from __future__ import annotations

import ast

__all__ = ["terms_of"]


def terms_of(node: ast.expr) -> list[ast.expr]:
    """The terms that are added, from left to right; what is no sum is its own only term."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*terms_of(left), *terms_of(right)]
        case _:
            return [node]
