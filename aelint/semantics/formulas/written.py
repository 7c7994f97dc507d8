"""Formulas as they are written, worked out with numbers in the place of tensors."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping

from aelint.syntax.names import last_name
from aelint.syntax.operators import ARITHMETIC

__all__ = ["OpaqueError", "work_out"]

_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "log": math.log, "exp": math.exp, "log1p": math.log1p, "expm1": math.expm1, "log10": math.log10,
    "sqrt": math.sqrt, "square": lambda x: x * x, "float": float, "tanh": math.tanh, "atanh": math.atanh,
    "sin": math.sin, "cos": math.cos,
}  # fmt: skip
_UNCHANGED = frozenset(
    "clone copy float double to cpu numpy detach contiguous unsqueeze squeeze view reshape clamp_min".split()
)
"""Methods that leave a number what it is; a floor of tiny numbers does so for all that are tried."""


class OpaqueError(Exception):
    """A formula with something in it that is no elementary function of numbers."""


def work_out(node: ast.expr, known: Mapping[str, float]) -> float:
    """The value of an expression, with what its names and attributes stand for.

    Raises:
        OpaqueError: if something in it is not known.
        ArithmeticError, ValueError: if the numbers do not allow it, a division by zero say.
    """
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Attribute() if ast.unparse(node) in known:
            return known[ast.unparse(node)]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -work_out(operand, known)
        case ast.BinOp(left=left, op=op, right=right):
            return _operated(op, work_out(left, known), work_out(right, known))
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch" | "np" | "numpy" | "math"), attr=name), args=[inner]
        ):
            return _applied(name, work_out(inner, known))
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _UNCHANGED:
            return work_out(inner, known)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[]):
            return _applied(name, work_out(inner, known))
        case _:
            raise OpaqueError(last_name(node))


def _applied(name: str, value: float) -> float:
    if name not in _FUNCTIONS:
        raise OpaqueError(name)
    return _FUNCTIONS[name](value)


def _operated(op: ast.operator, left: float, right: float) -> float:
    rounds = isinstance(op, ast.FloorDiv | ast.Mod)
    combine = None if rounds or (isinstance(op, ast.Pow) and left <= 0) else ARITHMETIC.get(type(op))
    if combine is None:
        raise OpaqueError(type(op).__name__)
    return combine(left, right)
