"""From what a rule saw in trees to what a reporter shows in files."""

from __future__ import annotations

from aelint.diagnostics import Diagnostic, Edit, Fix, Position, Related, Span
from aelint.registry import UNREADABLE, RuleInfo
from aelint.rule import Finding, Note, Rewrite, Site
from aelint.sources.decode import UnreadableError

__all__ = ["diagnostic", "unreadable"]


def diagnostic(rule: RuleInfo, finding: Finding) -> Diagnostic:
    """The finding with its nodes turned into places."""
    return Diagnostic(
        code=rule.code,
        name=rule.name,
        severity=finding.severity or rule.severity,
        confidence=finding.confidence or rule.confidence,
        message=finding.message,
        filename=finding.site.unit.path,
        span=_span(finding.site),
        related=tuple(_related(note) for note in finding.notes),
        fix=_fix(finding.rewrite, finding.site) if finding.rewrite else None,
        cell=finding.site.cell,
    )


def unreadable(path: str, error: UnreadableError) -> Diagnostic:
    """The diagnostic for a file, or a notebook's cell, that is not Python."""
    start = Position(error.row, error.column)
    return Diagnostic(
        code=UNREADABLE.code,
        name=UNREADABLE.name,
        severity=UNREADABLE.severity,
        confidence=UNREADABLE.confidence,
        message=error.message,
        filename=path,
        span=Span(start, Position(error.row, error.column + 1)),
        cell=error.cell,
    )


def _span(site: Site) -> Span:
    return site.unit.span_of(site.node)


def _related(note: Note) -> Related:
    return Related(note.site.unit.path, _span(note.site), note.message, note.site.cell)


def _fix(rewrite: Rewrite, main: Site) -> Fix | None:
    """The rewrite as edits; None if it reaches into another file, which an edit cannot name."""
    if any(site.unit.path != main.unit.path for site, _ in rewrite.replacements):
        return None
    edits = tuple(Edit(_span(site), text, site.cell) for site, text in rewrite.replacements)
    return Fix(rewrite.message, edits, rewrite.applicability)
