"""Annotations that GitHub reads from a workflow's log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aelint.diagnostics import Diagnostic, Severity
from aelint.reporters.presentation import Presentation, printable

__all__ = ["render"]

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One workflow command per diagnostic, followed on the same line by what people read in the log."""
    for found in diagnostics:
        place = f"{printable(found.filename)}:{found.span.start.row}:{found.span.start.column}"
        properties = {
            "title": f"aelint ({found.code} {found.name})",
            "file": presentation.relative(found.filename),
            **_lines(found),
        }
        listed = ",".join(f"{key}={_escaped(str(value), inside=True)}" for key, value in properties.items())
        cell = "" if found.cell is None else f"cell {found.cell}: "
        text = _escaped(f"{place}: {found.code} {cell}{found.message}", inside=False)
        yield f"::{LEVELS[found.severity]} {listed}::{text}"


def _lines(found: Diagnostic) -> dict[str, int]:
    """Where the mark goes; a row of a notebook's cell is no row of the file."""
    if found.cell is not None:
        return {"line": 1}
    start, end = found.span.start, found.span.end
    columns = {"col": start.column, "endColumn": end.column} if start.row == end.row else {}
    return {"line": start.row, "endLine": end.row, **columns}


def _escaped(text: str, *, inside: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if inside else text
