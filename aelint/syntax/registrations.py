"""What a network registers under names that its source spells out."""

from __future__ import annotations

import ast

from aelint.syntax.walk import every

__all__ = ["registered"]


def registered(node: ast.AST, *methods: str) -> dict[str, ast.Call]:
    """The calls `self.register_buffer("name", ...)` below a node by that name; of other methods where some are named."""
    found: dict[str, ast.Call] = {}
    for call in every(ast.Call, node):
        match call:
            case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str() as name), *_]):
                if method in (methods or ("register_buffer",)):
                    found[name] = call
    return found
