"""GitLab's code-quality report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from aelint.diagnostics import Diagnostic, Position, Severity
from aelint.fingerprints import fingerprints
from aelint.reporters.presentation import Presentation

__all__ = ["render"]

LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.ADVICE: "info"}


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One JSON list; fingerprints stay the same when lines move."""
    names = fingerprints(diagnostics, presentation.lines, presentation.relative)
    issues = [_issue(each, name, presentation) for each, name in zip(diagnostics, names, strict=True)]
    yield json.dumps(issues, indent=2, ensure_ascii=False)


def _issue(found: Diagnostic, fingerprint: str, presentation: Presentation) -> dict[str, Any]:
    cell = "" if found.cell is None else f"cell {found.cell}, line {found.span.start.row}: "
    positions = {"begin": _position(found.span.start), "end": _position(found.span.end)}
    place = {"lines": {"begin": 1}} if found.cell is not None else {"positions": positions}
    return {
        "check_name": found.code,
        "description": f"{found.name}: {cell}{found.message}",
        "severity": LEVELS[found.severity],
        "fingerprint": fingerprint,
        "location": {"path": presentation.relative(found.filename), **place},
    }


def _position(position: Position) -> dict[str, int]:
    return {"line": position.row, "column": position.column}
