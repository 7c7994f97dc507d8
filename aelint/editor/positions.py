"""Places of a diagnostic as the editor counts them: rows from 0, columns in the units that it asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types
from pygls.workspace import PositionCodec

from aelint.diagnostics import Edit, Position, Span

__all__ = ["Text"]


@dataclass(frozen=True)
class Text:
    """One document of the editor: a file, or one code cell of a notebook."""

    uri: str
    lines: Sequence[str]
    codec: PositionCodec

    def position(self, place: Position) -> types.Position:
        """A place in the editor's units."""
        row = place.row - 1
        line = self.lines[row] if row < len(self.lines) else ""
        return types.Position(row, self.codec.client_num_units(line[: place.column - 1]))

    def range(self, span: Span) -> types.Range:
        """A span in the editor's units."""
        return types.Range(self.position(span.start), self.position(span.end))

    def edit(self, edit: Edit) -> types.TextEdit:
        """An edit in the editor's units."""
        return types.TextEdit(self.range(edit.span), edit.content)

    def holds(self, span: Span, wanted: types.Range) -> bool:
        """Whether a span and the editor's selection have a place in common."""
        own = self.range(span)
        return _key(own.start) <= _key(wanted.end) and _key(wanted.start) <= _key(own.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character
