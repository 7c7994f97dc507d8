"""Names as they are written, and the scopes that they live in."""

from __future__ import annotations

import ast

from aelint.syntax.walk import uses, walk

__all__ = ["is_own_attribute", "is_read", "last_name", "scopes", "uses"]

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name: `Linear` of `nn.Linear`; "" for anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def is_read(node: ast.AST, name: str) -> bool:
    """Whether a variable of that name is read below a node."""
    return any(isinstance(n.ctx, ast.Load) for n in uses(node, name))


def is_own_attribute(node: ast.AST) -> bool:
    """Whether it reads `self.something`."""
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return True
        case _:
            return False


def scopes(tree: ast.Module) -> list[Scope]:
    """The file itself and each of its functions; `own_nodes` of them are what is bound and read in each."""
    return [tree, *(node for node in walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))]
