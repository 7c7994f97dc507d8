"""A diagnostic as plain data: what both JSON formats and the cache write."""

from __future__ import annotations

from typing import Any

from aelint.diagnostics import Diagnostic, Fix, Position, Related, Span
from aelint.registry import documentation

__all__ = ["record"]


def record(found: Diagnostic) -> dict[str, Any]:
    """The diagnostic under ruff's names; rows and columns count from 1, the end is exclusive."""
    return {
        "code": found.code,
        "name": found.name,
        "severity": str(found.severity),
        "confidence": str(found.confidence),
        "message": found.message,
        "url": documentation(found.name),
        "filename": found.filename,
        "cell": found.cell,
        **_places(found.span),
        "fix": _fix(found.fix),
        "related": [_related(note) for note in found.related],
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [{"content": edit.content, "cell": edit.cell, **_places(edit.span)} for edit in fix.edits]
    return {"applicability": str(fix.applicability), "message": fix.message, "edits": edits}


def _related(note: Related) -> dict[str, Any]:
    return {"filename": note.filename, "cell": note.cell, **_places(note.span), "message": note.message}


def _places(span: Span) -> dict[str, Any]:
    return {"location": _position(span.start), "end_location": _position(span.end)}


def _position(position: Position) -> dict[str, int]:
    return {"row": position.row, "column": position.column}
