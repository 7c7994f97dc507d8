"""What stands around a piece of a program: the function it is in, and the files beside it that nothing need import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ClassValue, Function
from aelint.syntax.walk import holds

__all__ = ["functions_around", "texts_around"]


def functions_around(program: Program, node: ast.AST) -> list[Function]:
    """The functions that hold a node, the innermost first."""
    return [f for f in reversed(program.own_functions) if holds(f.node, node)]


def texts_around(program: Program, cls: ClassValue) -> Iterator[str]:
    """The texts of the files beside that of a class.

    One that defines a class of the same name means its own: a variant of the model, or an older version of it.
    """
    own = re.compile(rf"^[ \t]*class\s+{cls.name}\b", re.MULTILINE)
    texts = (unit.text for unit in program.machine.project.around(cls.module.unit))
    return (text for text in texts if not own.search(text))
