"""One JSON object per line: for tools that read while the linter writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Diagnostic
from aelint.reporters.presentation import Presentation
from aelint.reporters.records import record

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:  # noqa: ARG001
    """The same objects as the format `json`."""
    return (json.dumps(record(each), ensure_ascii=False) for each in diagnostics)
