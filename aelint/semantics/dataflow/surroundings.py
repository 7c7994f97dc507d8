"""What stands around a piece of a program: the function it is in, the call it comes from, and the files beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ClassValue, Function, Sym
from aelint.syntax.walk import holds

__all__ = ["functions_around", "given_at", "texts_around"]


def functions_around(program: Program, node: ast.AST) -> list[Function]:
    """The functions that hold a node, the innermost first."""
    return [f for f in reversed(program.own_functions) if holds(f.node, node)]


def given_at(program: Program, value: Sym) -> Site | None:
    """The call that gave the value, the outermost of nested ones; else where it was computed."""
    calls = [c for c in program.calls if c.result is value]
    return min(calls, key=lambda c: len(c.context.stack)).site if calls else value.site


def texts_around(program: Program, cls: ClassValue) -> Iterator[str]:
    """The texts of the files beside that of a class.

    One that defines a class of the same name means its own: a variant of the model, or an older version of it.
    """
    own = re.compile(rf"^[ \t]*class\s+{cls.name}\b", re.MULTILINE)
    texts = (unit.text for unit in program.machine.project.around(cls.module.unit))
    return (text for text in texts if not own.search(text))
