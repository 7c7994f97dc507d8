"""A few rows of source with their numbers and a mark under the place that matters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Span

__all__ = ["excerpt"]

CONTEXT = 1
"""Rows shown before the place."""
ROWS = 5
"""A longer place is shown by its first rows and its last one."""
WIDTH = 140
"""Characters of a row that are shown."""
TAB = "    "


def excerpt(
    lines: Sequence[str], span: Span, mark: str, label: str = "", *, context: int = CONTEXT
) -> Iterator[tuple[str, str, str]]:
    """Triples (row number, text, marks below it or ""), for the rows of `span` and `context` rows before them."""
    first, last = span.start.row, min(max(span.end.row, span.start.row), len(lines))
    if last > first and span.end.column == 1:
        last -= 1
    for row in range(max(1, first - context), first):
        if lines[row - 1].strip():
            yield str(row), _shown(lines[row - 1]), ""
    shown = list(range(first, last + 1))
    if len(shown) > ROWS:
        shown = [*shown[: ROWS - 2], 0, last]
    for row in shown:
        if row == 0:
            yield "…", "", ""
            continue
        text = lines[row - 1]
        start = span.start.column - 1 if row == first else len(text) - len(text.lstrip())
        end = span.end.column - 1 if row == last == span.end.row else len(text.rstrip())
        yield str(row), *_marked(text, start, end, mark, label if row == last else "")


def _marked(text: str, start: int, end: int, mark: str, label: str) -> tuple[str, str]:
    """The row and the row of marks below it, both cut to a window around the place."""
    start, end = min(start, len(text)), max(end, start + 1)
    if len(text) > WIDTH:
        cut = max(0, min(start - WIDTH // 4, len(text) - WIDTH))
        text = ("…" if cut else "") + text[cut : cut + WIDTH] + ("…" if cut + WIDTH < len(text) else "")
        start, end = start - cut + bool(cut), min(end - cut + bool(cut), WIDTH)
    below = " " * _width(text[:start]) + mark * max(1, _width(text[start:end]))
    return _shown(text), f"{below} {label}".rstrip()


def _shown(text: str) -> str:
    clipped = text[:WIDTH] + "…" if len(text) > WIDTH + 2 else text
    return "".join(_visible(char) for char in clipped.rstrip())


def _visible(char: str) -> str:
    if char == "\t":
        return TAB
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _width(text: str) -> int:
    """Columns of a terminal that the text takes."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if char == "\t":
        return len(TAB)
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
