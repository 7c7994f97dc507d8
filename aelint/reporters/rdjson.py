"""reviewdog's diagnostic format; its columns count bytes of UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from aelint.diagnostics import Diagnostic, Edit, Position, Severity, Span
from aelint.reporters.presentation import Presentation

__all__ = ["render"]

LEVELS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.ADVICE: "INFO"}


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One document."""
    found = [_diagnostic(each, presentation) for each in diagnostics]
    document = {"source": {"name": "aelint"}, "severity": "WARNING", "diagnostics": found}
    yield json.dumps(document, indent=2, ensure_ascii=False)


def _diagnostic(found: Diagnostic, presentation: Presentation) -> dict[str, Any]:
    cell = "" if found.cell is None else f"cell {found.cell}, line {found.span.start.row}: "
    entry: dict[str, Any] = {
        "message": f"{cell}{found.message}",
        "severity": LEVELS[found.severity],
        "code": {"value": f"{found.code} {found.name}"},
        "location": _location(found.filename, found.cell, found.span, presentation),
    }
    if found.related:
        entry["relatedLocations"] = [
            {"message": note.message, "location": _location(note.filename, note.cell, note.span, presentation)}
            for note in found.related
        ]
    if found.fix is not None and found.cell is None:
        lines = presentation.lines(found.filename)
        entry["suggestions"] = [_suggestion(edit, lines) for edit in found.fix.edits]
    return entry


def _location(path: str, cell: int | None, span: Span, presentation: Presentation) -> dict[str, Any]:
    """A place; a row of a notebook's cell is no row of the file, so there it is the file alone."""
    relative = {"path": presentation.relative(path)}
    if cell is not None:
        return relative
    return {**relative, "range": _range(span, presentation.lines(path))}


def _suggestion(edit: Edit, lines: list[str]) -> dict[str, Any]:
    return {"range": _range(edit.span, lines), "text": edit.content}


def _range(span: Span, lines: list[str]) -> dict[str, Any]:
    return {"start": _position(span.start, lines), "end": _position(span.end, lines)}


def _position(position: Position, lines: list[str]) -> dict[str, int]:
    line = lines[position.row - 1] if position.row <= len(lines) else ""
    column = len(line[: position.column - 1].encode("utf-8", "replace")) + 1
    return {"line": position.row, "column": column if line else position.column}
