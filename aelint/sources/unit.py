"""One unit of Python source, and where its rows stand in the file it came from."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from aelint.diagnostics import Position, Span
from aelint.syntax.walk import walk

__all__ = ["Origin", "SourceUnit"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row of a unit stands in its file: row, columns cut off on the left, notebook cell."""

    row: int
    indent: int = 0
    cell: int | None = None


@dataclass(frozen=True)
class SourceUnit:
    """Python text taken from `path`.

    `origins[i]` says where the unit's row `i + 1` came from; empty means that the unit is the whole file.
    """

    path: str
    text: str
    origins: tuple[Origin, ...] = ()
    fragment: bool = False
    """A fence or a cell: names that are never bound are normal here."""

    @cached_property
    def lines(self) -> list[str]:
        """The rows of the text without their line ends, as the compiler counts them."""
        return self.text.split("\n")

    @cached_property
    def tree(self) -> ast.Module:
        """The compiler's tree, made once.

        Raises:
            SyntaxError: The text is no Python that this interpreter can read.
            ValueError: It contains a NUL character.
        """
        tree = ast.parse(self.text)
        walk(tree)  # from the root, so that no part of it is listed on its own before
        return tree

    def origin(self, row: int) -> Origin:
        """Where the unit's 1-based `row` stands in the file."""
        if not self.origins:
            return Origin(row)
        return self.origins[min(max(row, 1), len(self.origins)) - 1]

    def row_of(self, node: ast.AST) -> int:
        """The row in the file (or notebook cell) on which `node` starts."""
        return self.origin(getattr(node, "lineno", 1)).row

    def cell_of(self, node: ast.AST) -> int | None:
        """The code cell of the notebook in which `node` starts."""
        return self.origin(getattr(node, "lineno", 1)).cell

    def position(self, row: int, offset: int) -> Position:
        """The compiler's (row, UTF-8 byte offset) as a position in the file."""
        line = self.lines[row - 1] if row <= len(self.lines) else ""
        column = offset if line.isascii() else len(line.encode()[:offset].decode(errors="replace"))
        origin = self.origin(row)
        return Position(origin.row, column + origin.indent + 1)

    def span_of(self, node: ast.AST) -> Span:
        """The node's span in the file."""
        row = getattr(node, "lineno", 1)
        offset = getattr(node, "col_offset", 0)
        end_row = getattr(node, "end_lineno", None) or row
        end_offset = getattr(node, "end_col_offset", None)
        end = self.position(end_row, offset + 1 if end_offset is None else end_offset)
        return Span(self.position(row, offset), end)

    def text_of(self, node: ast.AST) -> str:
        """The node's source text, "" for a node without a position."""
        return ast.get_source_segment(self.text, node) or ""
