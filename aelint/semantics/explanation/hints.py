"""What a program's names hold, place by place: the shapes and ranges that an editor shows beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Position
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Event, Store
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.describe import describe_range, describe_shape
from aelint.semantics.explanation.roles import role_of

__all__ = ["Hint", "hints"]

ALTERNATIVES = 2
"""A name that holds more than this many shapes, one call after the other, is shown with an ellipsis."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What stands in a name once the assignment at this place has run."""

    place: Position
    """Just behind the name, in the file (or notebook cell)."""
    text: str
    """`(B, 20) in [0, 1]`."""
    role: str = ""
    """What the tensor is to the autoencoder, if that is known: "mean", "reconstruction"."""
    cell: int | None = None


def hints(program: Program) -> Iterator[Hint]:
    """The hints for the program's own file, in the order of the rows."""
    texts: dict[tuple[int, int], list[str]] = {}
    first: dict[tuple[int, int], tuple[ast.AST, Value]] = {}
    for event in program.machine.trace.events:
        if event.site.unit is not program.unit or (assigned := _assigned(event)) is None:
            continue
        node, value = assigned
        place = (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
        text = _text(value)
        if text and text not in texts.setdefault(place, []):
            texts[place].append(text)
            first.setdefault(place, assigned)
    for place in sorted(first):
        yield _hint(program, place, texts[place], first[place][1])


def _hint(program: Program, place: tuple[int, int], texts: list[str], value: Value) -> Hint:
    unit = program.unit
    shown = " | ".join(texts[:ALTERNATIVES]) + (" | …" if len(texts) > ALTERNATIVES else "")
    part = role_of(program, value)
    return Hint(unit.position(*place), shown, part.role if part else "", unit.origin(place[0]).cell)


def _assigned(event: Event) -> tuple[ast.AST, Value] | None:
    match event:
        case Binding(value=value) | Store(value=value) if isinstance(event.site.node, (ast.Name, ast.Attribute)):
            return event.site.node, value
    return None


def _text(value: Value) -> str:
    """A tensor's shape and range; "" for what is not known, or is no tensor."""
    if not isinstance(value, Sym) or not (shape := describe_shape(value.shape, value.last)):
        return ""
    interval = describe_range(value.range)
    return f"{shape} in {interval}" if interval else shape
