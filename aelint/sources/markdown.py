"""Fenced Python in Markdown, MyST and Quarto: each fence is a unit of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.sources.magics import mask_magics
from aelint.sources.unit import Origin, SourceUnit
from aelint.syntax.parse import parses

__all__ = ["markdown_units"]

OPENING = re.compile(
    r"^(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$"
)
LANGUAGE = re.compile(r"^\{?\.?(?P<word>[\w-]+)\}?[ \t]*\{?\.?(?P<argument>[\w]*)")
PYTHON = frozenset({"py", "python", "python3", "ipython", "ipython3", "pycon", "pycon3"})
DIRECTIVES = frozenset({"code", "code-block", "code-cell", "sourcecode"})
DIRECTIVE_OPTION = re.compile(r"^:[\w-]+:")
PROMPT = re.compile(r"^(>>>|\.\.\.)( |$)")

Row = tuple[str, Origin]


def markdown_units(path: str, text: str) -> tuple[SourceUnit, ...]:
    """The Python fences of an article, in order; rows and columns are the article's own."""
    return tuple(_unit(path, rows) for rows in _fences(text.split("\n")))


def _fences(lines: list[str]) -> Iterator[list[Row]]:
    at = 0
    while at < len(lines):
        opening = OPENING.match(lines[at])
        at += 1
        if opening is None:
            continue
        start, fence = at, opening["fence"]
        closing = re.compile(rf"^[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
        while at < len(lines) and not closing.match(lines[at]):
            at += 1
        if _is_python(opening["info"]):
            directive = opening["info"].startswith("{")
            yield _body(lines[start:at], start + 1, len(opening["indent"]), directive=directive)
        at += 1


def _is_python(info: str) -> bool:
    language = LANGUAGE.match(info.strip().lower())
    if language is None:
        return False
    if language["word"] in DIRECTIVES and info.startswith("{"):
        # MyST's `{code-cell}` names no language where the document's kernel does.
        return language["argument"] in PYTHON or (language["word"] == "code-cell" and not language["argument"])
    return language["word"] in PYTHON


def _body(lines: list[str], first: int, indent: int, *, directive: bool) -> list[Row]:
    rows = [_cut(line, indent, first + index) for index, line in enumerate(lines)]
    if directive:
        rows = _without_options(rows)
    start = next((text for text, _ in rows if text.strip()), "")
    if start.lstrip().startswith(">>>"):
        return _prompts(rows)
    return _dedented(rows)


def _cut(line: str, indent: int, row: int) -> Row:
    """Remove at most `indent` characters of white space, as CommonMark does for an indented fence."""
    width = min(indent, len(line) - len(line.lstrip(" \t")))
    return line[width:], Origin(row, width)


def _without_options(rows: list[Row]) -> list[Row]:
    if rows and rows[0][0].strip() == "---":
        end = next((i for i, (text, _) in enumerate(rows[1:], 1) if text.strip() == "---"), 0)
        return rows[end + 1 :]
    while rows and DIRECTIVE_OPTION.match(rows[0][0]):
        rows = rows[1:]
    return rows


def _prompts(rows: list[Row]) -> list[Row]:
    """An interactive session: what was typed, without what was printed."""
    typed = []
    for text, origin in rows:
        bare = text.lstrip()
        if PROMPT.match(bare):
            width = len(text) - len(bare) + 4
            typed.append((text[width:], Origin(origin.row, origin.indent + width)))
    return typed


def _dedented(rows: list[Row]) -> list[Row]:
    widths = [len(text) - len(text.lstrip(" ")) for text, _ in rows if text.strip()]
    if not (width := min(widths, default=0)):
        return rows
    return [(text[width:], Origin(origin.row, origin.indent + width)) for text, origin in rows]


def _unit(path: str, rows: list[Row]) -> SourceUnit:
    text = "\n".join(line for line, _ in rows)
    if ("%" in text or "!" in text) and not parses(text):
        masked = mask_magics([line for line, _ in rows])
        rows = [(line, Origin(o.row, o.indent + cut)) for (line, cut), (_, o) in zip(masked, rows, strict=True)]
    # The row after the last one exists for the compiler ("unexpected end of input").
    last = rows[-1][1].row + 1 if rows else 1
    body = "\n".join(line for line, _ in rows) + "\n"
    return SourceUnit(path, body, (*(origin for _, origin in rows), Origin(last)), fragment=True)
