"""A JSON list of objects with ruff's names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Diagnostic
from aelint.reporters.presentation import Presentation
from aelint.reporters.records import record

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:  # noqa: ARG001
    """One document, each object on its own lines."""
    if not diagnostics:
        yield "[]"
        return
    yield json.dumps([record(each) for each in diagnostics], indent=2, ensure_ascii=False)
