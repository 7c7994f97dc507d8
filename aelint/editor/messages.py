"""Findings and hints in the protocol's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types

from aelint import registry
from aelint.diagnostics import Confidence, Diagnostic, Related, Severity
from aelint.editor.documents import Document
from aelint.editor.positions import Text
from aelint.pages import page
from aelint.semantics.explanation.hints import Hint

__all__ = ["diagnostics", "explanation", "inlay_hints"]

LEVELS = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.ADVICE: types.DiagnosticSeverity.Information,
}


def diagnostics(document: Document, found: Iterable[Diagnostic]) -> dict[str, list[types.Diagnostic]]:
    """What to show in each of the document's parts, by address; an empty list takes back what was shown."""
    shown: dict[str, list[types.Diagnostic]] = {part.uri: [] for part in document.parts}
    for each in found:
        if (part := document.part(each.cell)) is not None:
            shown[part.uri].append(_diagnostic(document, part, each))
    return shown


def _diagnostic(document: Document, part: Text, found: Diagnostic) -> types.Diagnostic:
    doubt = "" if found.confidence is Confidence.HIGH else f" ({found.confidence} confidence)"
    return types.Diagnostic(
        range=part.range(found.span),
        message=f"{found.message}{doubt}",
        severity=LEVELS[found.severity],
        code=f"{found.code} {found.name}",
        source="aelint",
        related_information=[_related(document, note) for note in found.related],
        tags=[types.DiagnosticTag.Unnecessary] if found.code == registry.UNUSED_SUPPRESSION.code else None,
    )


def _related(document: Document, note: Related) -> types.DiagnosticRelatedInformation:
    path = Path(note.filename).absolute()
    part = document.part(note.cell) if str(path) == document.path else None
    if part is None:  # a file whose text is not at hand: columns count characters there
        start, end = note.span.start, note.span.end
        place = types.Range(
            types.Position(start.row - 1, start.column - 1), types.Position(end.row - 1, end.column - 1)
        )
        return types.DiagnosticRelatedInformation(types.Location(path.as_uri(), place), note.message)
    return types.DiagnosticRelatedInformation(types.Location(part.uri, part.range(note.span)), note.message)


def explanation(rules: Iterable[registry.RuleInfo]) -> str:
    """The pages of the rules in Markdown."""
    pages = [f"# {rule.name} ({rule.code})\n\n{page(rule)}" for rule in {rule.code: rule for rule in rules}.values()]
    return "\n\n---\n\n".join(pages)


def inlay_hints(part: Text, found: Iterable[Hint], wanted: types.Range) -> Iterator[types.InlayHint]:
    """The hints in the rows that the editor shows."""
    for hint in found:
        if wanted.start.line <= hint.place.row - 1 <= wanted.end.line:
            yield types.InlayHint(
                position=part.position(hint.place),
                label=f": {hint.text}",
                kind=types.InlayHintKind.Type,
                tooltip=f"derived by aelint: the {hint.role}" if hint.role else "derived by aelint",
            )
