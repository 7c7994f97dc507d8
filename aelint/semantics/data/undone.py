"""Pairs of functions of which one is to undo the other by its name, tried with numbers.

`inverse_transform(transform(x))` may be `x` in another unit, `x / 255`, say. What it must not be is another number for
other settings: then the data's own mean, range or scale is left in it. Both functions are put together as formulas and
worked out for a few settings; a formula with a call that is no elementary function is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.formulas.written import OpaqueError, work_out
from aelint.syntax.names import is_own_attribute
from aelint.syntax.signatures import asked_for
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
            known[name] = work_out(step, known)
        return work_out(self.result, known)

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
    arguments = asked_for(function)
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
    if len(names) > len(_SETTINGS[0]) or not back.settings():
        return False
    try:
        found = [
            [
                back(there(value, known), known)
                for known in (dict(zip(names, numbers, strict=False)) for numbers in _SETTINGS)
            ]
            for value in _VALUES
        ]
    except (OpaqueError, ArithmeticError, ValueError):
        return False
    return all(max(row) - min(row) > _CLOSE * max(1.0, *map(abs, row)) for row in found)
