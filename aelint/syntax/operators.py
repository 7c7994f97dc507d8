"""The arithmetic operators of Python's syntax as functions of two numbers."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

__all__ = ["ARITHMETIC"]

ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
