"""Names as they are written."""

from __future__ import annotations

import ast

__all__ = ["is_own_attribute", "last_name"]


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name: `Linear` of `nn.Linear`; "" for anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def is_own_attribute(node: ast.AST) -> bool:
    """Whether it reads `self.something`."""
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return True
        case _:
            return False
