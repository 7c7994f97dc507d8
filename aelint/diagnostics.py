"""What the linter says: frozen records from the standard library alone.

Every reporter, the cache, the baseline and the editor server speak in these types, so none of them
needs to know a syntax tree or a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Applicability",
    "Confidence",
    "Diagnostic",
    "Edit",
    "Fix",
    "Position",
    "Related",
    "Severity",
    "Span",
]


class Severity(StrEnum):
    """How bad the reported fault is for the program."""

    ERROR = "error"
    """It raises, or computes something else than its own terms say."""
    WARNING = "warning"
    """It very probably harms training, evaluation or sampling."""
    ADVICE = "advice"
    """Worth a look; off unless asked for."""

    @property
    def rank(self) -> int:
        """Larger is more severe."""
        return {"advice": 0, "warning": 1, "error": 2}[self.value]


class Confidence(StrEnum):
    """How sure the linter is that the report is true."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Larger is surer."""
        return {"low": 0, "medium": 1, "high": 2}[self.value]


class Applicability(StrEnum):
    """Whether a fix may be applied without a person reading it."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file: 1-based row, 1-based column counted in characters."""

    row: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to and without `end`."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that the diagnostic was derived from, and what stands there."""

    filename: str
    span: Span
    message: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` (in the diagnostic's own file) by `content`."""

    span: Span
    content: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that belong together, and whether they are certain to be right."""

    message: str
    edits: tuple[Edit, ...]
    applicability: Applicability = Applicability.UNSAFE


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding at one place.

    `cell` is the 1-based index of a notebook's code cell, and rows then count inside that cell; it is
    None in every other kind of file.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    filename: str
    span: Span
    related: tuple[Related, ...] = field(default=())
    fix: Fix | None = None
    cell: int | None = None
