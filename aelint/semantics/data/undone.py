"""Pairs of functions of which one is to undo the other by its name, tried with numbers.

`inverse_transform(transform(x))` may be `x` in another unit, `x / 255`, say. What it must not be is another number for
other settings: then the data's own mean, range or scale is left in it. Both functions are put together as formulas and
worked out for a few settings; a formula with a call that is no elementary function is left alone.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.operators import ARITHMETIC
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["NotUndone", "not_undone"]

_PAIRS = {
    "transform": ("inverse_transform", "inverse", "inv_transform", "untransform"),
    "normalize": ("denormalize", "unnormalize", "inverse_normalize", "normalize_inverse", "inverse"),
    "normalise": ("denormalise", "unnormalise", "inverse_normalise", "inverse"),
    "standardize": ("destandardize", "unstandardize", "inverse_standardize"),
    "scale": ("unscale", "descale", "inverse_scale"),
    "encode": ("inverse_encode",),
    "norm": ("denorm", "unnorm"),
    "forward": ("inverse",),
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "log": math.log, "exp": math.exp, "log1p": math.log1p, "expm1": math.expm1, "log10": math.log10,
    "sqrt": math.sqrt, "square": lambda x: x * x, "float": float, "tanh": math.tanh, "atanh": math.atanh,
}  # fmt: skip
_UNCHANGED = frozenset({"clone", "copy", "float", "double", "to", "cpu", "numpy", "detach", "contiguous"})
_SETTINGS = ((0.7, 2.9, 1.3, 4.1), (1.9, 0.8, 3.7, 2.3), (2.6, 3.4, 0.9, 1.7))
"""Numbers that the settings are given, in the order of their names."""
_VALUES = (0.31, 1.47, 2.08)
_CLOSE = 0.02
"""Small numbers that are added to a divisor make no more of a difference than this."""


@dataclass(frozen=True, slots=True, eq=False)
class NotUndone:
    """What the second function gives back, and the function that it was meant to undo."""

    site: Site
    inverse: str
    forward: str
    scaled: Site


class _OpaqueError(Exception):
    """A formula with something in it that is no elementary function of numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class _Formula:
    """A function of one value and of settings."""

    argument: str
    steps: tuple[tuple[str, ast.expr], ...]
    result: ast.expr

    def settings(self) -> set[str]:
        """What it takes besides the value: attributes of its own, parameters and names from outside."""
        found = {ast.unparse(n) for e in self._parts() for n in every(ast.Attribute, e) if is_own_attribute(n)}
        called = {id(c.func) for e in self._parts() for c in every(ast.Call, e)}
        names = {n.id for e in self._parts() for n in every(ast.Name, e) if id(n) not in called}
        return found | (names - {self.argument, "self", "torch", "np", "math"} - {name for name, _ in self.steps})

    def __call__(self, value: float, settings: Mapping[str, float]) -> float:
        known = {**settings, self.argument: value}
        for name, step in self.steps:
            known[name] = _worked_out(step, known)
        return _worked_out(self.result, known)

    def _parts(self) -> list[ast.expr]:
        return [*(step for _, step in self.steps), self.result]


def not_undone(program: Program) -> Iterator[NotUndone]:
    """Inverses, side by side with what they are to undo, that leave its settings in the data."""
    bodies = [program.tree.body, *(cls.body for cls in every(ast.ClassDef, program.tree))]
    for body in bodies:
        functions = {f.name: f for f in body if isinstance(f, ast.FunctionDef)}
        for name, inverses in _PAIRS.items():
            for inverse in (i for i in inverses if i in functions and name in functions):
                there, back = _formula(functions[name]), _formula(functions[inverse])
                if there is not None and back is not None and _leaves_settings(there, back):
                    scaled = Site(program.unit, there.result)
                    yield NotUndone(Site(program.unit, back.result), inverse, name, scaled)


def _formula(function: ast.FunctionDef) -> _Formula | None:
    """A function that only works out names, one after the other, and gives one of them back."""
    arguments = [name for name in positional(function) if name not in {"self", "cls"}]
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    steps = []
    for statement in body[:-1]:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                steps.append((name, value))
            case _:
                return None
    match body[-1:]:
        case [ast.Return(value=ast.expr() as result)] if arguments:
            return _Formula(arguments[0], tuple(steps), result)
        case _:
            return None


def _leaves_settings(there: _Formula, back: _Formula) -> bool:
    names = sorted(there.settings())
    if not names or len(names) > len(_SETTINGS[0]) or not back.settings() or not back.settings() <= set(names):
        return False
    try:
        found = [
            [
                back(there(value, known), known)
                for known in (dict(zip(names, numbers, strict=False)) for numbers in _SETTINGS)
            ]
            for value in _VALUES
        ]
    except (_OpaqueError, ArithmeticError, ValueError):
        return False
    return all(max(row) - min(row) > _CLOSE * max(1.0, *map(abs, row)) for row in found)


def _worked_out(node: ast.expr, known: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Attribute() if ast.unparse(node) in known:
            return known[ast.unparse(node)]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_worked_out(operand, known)
        case ast.BinOp(left=left, op=op, right=right):
            return _operated(op, _worked_out(left, known), _worked_out(right, known))
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch" | "np" | "numpy" | "math"), attr=name), args=[inner]
        ):
            return _applied(name, _worked_out(inner, known))
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _UNCHANGED:
            return _worked_out(inner, known)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[]):
            return _applied(name, _worked_out(inner, known))
        case _:
            raise _OpaqueError(last_name(node))


def _applied(name: str, value: float) -> float:
    if name not in _FUNCTIONS:
        raise _OpaqueError(name)
    return _FUNCTIONS[name](value)


def _operated(op: ast.operator, left: float, right: float) -> float:
    rounds = isinstance(op, ast.FloorDiv | ast.Mod)
    work_out = None if rounds or (isinstance(op, ast.Pow) and left <= 0) else ARITHMETIC.get(type(op))
    if work_out is None:
        raise _OpaqueError(type(op).__name__)
    return work_out(left, right)
