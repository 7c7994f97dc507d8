"""Loops as they are written, and the number of the round that one counts: `i` of `for i, batch in enumerate(loader)`."""

from __future__ import annotations

import ast

__all__ = ["LoopNode", "round_counter"]

LoopNode = ast.For | ast.While


def round_counter(loop: ast.AST) -> str:
    """The name that `enumerate` counts the rounds in; nothing where the loop does not count them that way."""
    match loop:
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), *_]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            return name
        case _:
            return ""
