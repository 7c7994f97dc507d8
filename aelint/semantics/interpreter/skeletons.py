"""Networks that are still to be written: exercises and templates whose `forward` computes nothing yet."""

from __future__ import annotations

import ast
import re

from aelint.semantics.domain.values import Function, Instance
from aelint.semantics.interpreter.kinds import is_module
from aelint.syntax.walk import once_per_node

__all__ = ["hands_on", "is_skeleton"]


def is_skeleton(network: Instance, forward: Function) -> bool:
    """Whether the network only stands for what will be there: its `forward` does nothing, and that is not its point."""
    named = _NOTHING.search(network.cls.name) is not None
    return hands_on(forward.node) and (not named or any(is_module(part) for part in network.attrs.values()))


_NOTHING = re.compile(r"ident|no_?op|skip|pass|dummy|empty|null|nothing|lambda", re.IGNORECASE)


@once_per_node
def hands_on(node: ast.AST) -> bool:
    """Whether a function does nothing but give an argument back, or nothing at all."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    names = {a.arg for a in node.args.args}
    return all(_is_idle(statement, names) for statement in node.body)


def _is_idle(statement: ast.stmt, names: set[str]) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Return(value=None | ast.Constant(value=None)):
            return True
        case ast.Raise():
            return "NotImplementedError" in ast.unparse(statement)
        case ast.Return(value=ast.Name(id=name)):
            return name in names
        case _:
            return False
