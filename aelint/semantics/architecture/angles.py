"""Angles of sines and cosines, evaluated with numbers.

A column stands for the index in an exponent, one for positions, and a fixed value for every other name. What cannot be
evaluated raises `UnknownValueError`.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field

from aelint.syntax.operators import ARITHMETIC
from aelint.syntax.walk import walk

__all__ = ["MODULES", "Evaluation", "UnknownValueError", "start"]

_WIDTH = 48.0
"""Stands for every size that is not known."""


class UnknownValueError(Exception):
    """An expression that cannot be evaluated."""


@dataclass(slots=True, eq=False)
class Evaluation:
    """The value of an expression at one column; `bound` are the definitions of names.

    Attributes:
        powers: the powers and exponentials that were met, in this order.
        literals: the numbers that were met.
        positions: how many ranges of whole numbers stood outside of exponents.
    """

    bound: dict[str, ast.expr]
    column: int
    powers: list[ast.expr] = field(default_factory=list)
    literals: list[float] = field(default_factory=list)
    positions: int = 0
    variables: dict[str, float] = field(default_factory=dict)
    depth: int = 0

    def of(self, node: ast.expr, *, raised: bool = False) -> float:
        """The number that an expression has here; `raised` within an exponent."""
        self.depth += 1
        if self.depth > 400:  # names that are defined by each other
            raise UnknownValueError
        match node:
            case ast.Constant(value=bool()):
                raise UnknownValueError
            case ast.Constant(value=int() | float() as number):
                self.literals.append(float(number))
                return float(number)
            case ast.Name(id=name):
                return self._name(name, raised=raised)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.of(operand, raised=raised)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(node, left, right)
            case ast.BinOp(left=left, op=op, right=right):
                return _combine(op, self.of(left, raised=raised), self.of(right, raised=raised))
            case ast.Subscript(value=value, slice=index):
                return self._part(value, index, raised=raised)
            case ast.ListComp(elt=elt, generators=[generator]):
                return self._listed(elt, generator, raised=raised)
            case ast.IfExp(body=body):
                return self.of(body, raised=raised)
            case ast.List(elts=[only]):
                return self.of(only, raised=raised)
            case ast.Call(func=func, args=args):
                return self._called(node, func, args, raised=raised)
            case _:
                raise UnknownValueError

    def _name(self, name: str, *, raised: bool) -> float:
        if name in self.variables:
            return self.variables[name]
        if name in self.bound:
            return self.of(self.bound[name], raised=raised)
        return _WIDTH + len(name) % 7

    def _power(self, node: ast.expr, base: ast.expr, exponent: ast.expr) -> float:
        self.powers.append(node)
        return float(self.of(base) ** self.of(exponent, raised=True))

    def _part(self, value: ast.expr, index: ast.expr, *, raised: bool) -> float:
        last = index.elts[-1] if isinstance(index, ast.Tuple) and index.elts else index
        match last:
            case ast.Slice(step=ast.Constant(value=2)):
                return Evaluation(
                    self.bound,
                    2 * self.column + start(last),
                    self.powers,
                    self.literals,
                    0,
                    self.variables,
                    self.depth,
                ).of(value, raised=raised)
            case _:
                return self.of(value, raised=raised)

    def _listed(self, elt: ast.expr, generator: ast.comprehension, *, raised: bool) -> float:
        match generator:
            case ast.comprehension(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=args)):
                rows = any(isinstance(n, ast.ListComp) for n in walk(elt))
                self.variables[name] = 1.0 if rows else self._ranged(args)
                return self.of(elt, raised=raised)
            case _:
                raise UnknownValueError

    def _ranged(self, args: list[ast.expr]) -> float:
        start = self.of(args[0]) if len(args) > 1 else 0.0
        step = self.of(args[2]) if len(args) > 2 else 1.0  # range(start, stop, step)
        return start + step * self.column

    def _called(self, node: ast.Call, func: ast.expr, args: list[ast.expr], *, raised: bool) -> float:
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        of_module = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in MODULES
        if isinstance(func, ast.Attribute) and not of_module:
            if name in _KEPT:
                return self.of(func.value, raised=raised)
            args = [func.value, *args]
        match name, args:
            case "arange" | "range", [_, *_]:
                if raised:
                    return self._ranged(args)
                self.positions += 1
                return 1.0
            case "pow" | "power", [base, exponent]:
                return self._power(node, base, exponent)
            case "exp", [inner]:
                self.powers.append(node)
                return math.exp(self.of(inner, raised=True))
            case "log" | "sqrt", [inner]:
                return float(getattr(math, name)(self.of(inner, raised=raised)))
            case "mul" | "multiply" | "outer" | "matmul", [first, second]:
                return self.of(first, raised=raised) * self.of(second, raised=raised)
            case "div" | "divide" | "true_divide", [first, second]:
                return self.of(first, raised=raised) / self.of(second, raised=raised)
            case "float" | "int" | "tensor" | "array" | "as_tensor" | "float32" | "asarray" | "FloatTensor", [
                inner,
                *_,
            ]:
                return self.of(inner, raised=raised)
            case _:
                raise UnknownValueError


MODULES = frozenset({"torch", "np", "numpy", "math", "tf", "jnp"})
_KEPT = frozenset(
    {"float", "unsqueeze", "to", "double", "view", "reshape", "type", "astype", "cuda", "cpu", "type_as", "half"}
)


def _combine(op: ast.operator, left: float, right: float) -> float:
    work_out = None if isinstance(op, ast.Pow) else ARITHMETIC.get(type(op))
    if work_out is None:
        raise UnknownValueError
    return work_out(left, right)


def start(index: ast.Slice) -> int:
    """Where a slice begins, 0 where that is not written."""
    return index.lower.value if isinstance(index.lower, ast.Constant) and isinstance(index.lower.value, int) else 0
