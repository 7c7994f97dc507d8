"""`--add-ignores`: a comment for every finding, so that a project can begin where it stands."""

from __future__ import annotations

import io
import tokenize
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from aelint.diagnostics import Applicability, Diagnostic, Edit, Fix, Position, Span
from aelint.registry import UNREADABLE, UNUSED_SUPPRESSION
from aelint.sources.load import Source
from aelint.sources.unit import SourceUnit

__all__ = ["with_comments"]

BEYOND = (UNREADABLE.code, UNUSED_SUPPRESSION.code)
"""What no comment silences."""


def with_comments(source: Source, diagnostics: Sequence[Diagnostic], reason: str) -> list[Diagnostic]:
    """The diagnostics of a file, one per logical line, whose fix adds a comment at the end of that line.

    Args:
        source: The file.
        diagnostics: What is to be silenced.
        reason: What the comments say after the brackets.
    """
    by_end: dict[tuple[int | None, Position], list[Diagnostic]] = defaultdict(list)
    for each in diagnostics:
        if each.code not in BEYOND and (end := _end_of_line(source, each)) is not None:
            by_end[each.cell, end].append(each)
    return [_silenced(found, cell, end, reason) for (cell, end), found in by_end.items()]


def _silenced(found: Sequence[Diagnostic], cell: int | None, end: Position, reason: str) -> Diagnostic:
    codes = ", ".join(sorted({each.code for each in found}))
    edit = Edit(Span(end, end), f"  # aelint: ignore[{codes}] {reason}".rstrip(), cell)
    return replace(found[0], fix=Fix("Silence it", (edit,), Applicability.SAFE))


def _end_of_line(source: Source, found: Diagnostic) -> Position | None:
    """Where the logical line of a finding ends in the file; None where the tokens do not say."""
    for unit in source.units:
        for first, last, column in _logical_lines(unit):
            begin, end = unit.origin(first), unit.origin(last)
            if begin.cell == found.cell and begin.row <= found.span.start.row <= end.row:
                return Position(end.row, column + end.indent + 1)
    return None


def _logical_lines(unit: SourceUnit) -> list[tuple[int, int, int]]:
    """(first row, last row, column of the end) of each logical line, its comment included."""
    found: list[tuple[int, int, int]] = []
    first: int | None = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(unit.text).readline):
            if token.type == tokenize.NEWLINE:
                found.append((first or token.start[0], *token.start))
                first = None
            elif first is None and token.type not in {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}:
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        pass
    return found
