"""What an object keeps as it was given: `self.width = width`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Kept", "kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """The attribute of `self` that a statement sets to a name, and that name."""

    attribute: str
    name: str
    statement: ast.Assign


def kept(statements: Iterable[ast.stmt]) -> Iterator[Kept]:
    """Those statements that keep a name as it is, in the same order."""
    for statement in statements:
        match statement:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)], value=ast.Name(id=name)
            ):
                yield Kept(attribute, name, statement)
            case _:
                pass
