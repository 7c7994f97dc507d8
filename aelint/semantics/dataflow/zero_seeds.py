"""Seeds whose default is zero, and that are asked for as if zero were none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.signatures import defaults
from aelint.syntax.walk import every

__all__ = ["ZeroSeed", "zero_seeds"]


@dataclass(frozen=True, slots=True, eq=False)
class ZeroSeed:
    """Where the seed is taken for a truth value, its name, and the default of zero."""

    site: Site
    name: str
    default: Site


def zero_seeds(program: Program) -> Iterator[ZeroSeed]:
    """`seed or None`, `if seed:` and their like in functions whose `seed` is 0 unless told."""
    for function in every(ast.FunctionDef, program.tree):
        for name, default in defaults(function).items():
            is_zero = isinstance(default, ast.Constant) and default.value == 0 and default.value is not False
            if not is_zero or name.lower().rpartition("_")[2] != "seed":
                continue
            for asked in _truths(function, name):
                yield ZeroSeed(Site(program.unit, asked), name, Site(program.unit, default))


def _truths(function: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    for node in every(ast.AST, function):
        match node:
            case ast.BoolOp(op=ast.Or(), values=[ast.Name(id=first), *_]) if first == name:
                yield node
            case ast.If(test=test) | ast.IfExp(test=test) if _is_bare(test, name):
                yield test
            case _:
                pass


def _is_bare(test: ast.expr, name: str) -> bool:
    """`seed`, or `not seed`."""
    inner = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
    return isinstance(inner, ast.Name) and inner.id == name
