"""Reports as plain JSON and back. Never pickles: a cache comes with a checkout, and a pickle runs what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aelint.diagnostics import (
    Applicability,
    Confidence,
    Diagnostic,
    Edit,
    Fix,
    Position,
    Related,
    Severity,
    Span,
)
from aelint.engine.analyse import FileReport
from aelint.engine.suppressions import Suppression

__all__ = ["from_json", "to_json"]

Rename = Callable[[str], str]


def to_json(report: FileReport, name: Rename) -> dict[str, Any]:
    """The report with its paths as `name` gives them; lookups are stored by the cache."""
    return {
        "diagnostics": [_diagnostic(each, name) for each in report.diagnostics],
        "suppressions": [_suppression(each) for each in report.suppressions],
    }


def from_json(path: str, stored: dict[str, Any], name: Rename) -> FileReport:
    """The report on the file at `path`.

    Raises:
        KeyError, TypeError, ValueError: `stored` is not what `to_json` gives.
    """
    return FileReport(
        path,
        tuple(_read_diagnostic(each, name) for each in stored["diagnostics"]),
        tuple(_read_suppression(each) for each in stored["suppressions"]),
    )


def _diagnostic(each: Diagnostic, name: Rename) -> list[Any]:
    related = [[name(note.filename), _span(note.span), note.message, note.cell] for note in each.related]
    fix = None
    if each.fix is not None:
        edits = [[_span(edit.span), edit.content, edit.cell] for edit in each.fix.edits]
        fix = [each.fix.message, edits, str(each.fix.applicability)]
    head = [each.code, each.name, str(each.severity), str(each.confidence), each.message]
    return [*head, name(each.filename), _span(each.span), related, fix, each.cell]


def _read_diagnostic(stored: list[Any], name: Rename) -> Diagnostic:
    code, rule, severity, confidence, message, path, span, related, fix, cell = stored
    return Diagnostic(
        _text(code),
        _text(rule),
        Severity(severity),
        Confidence(confidence),
        _text(message),
        name(_text(path)),
        _read_span(span),
        tuple(Related(name(_text(where)), _read_span(at), _text(said), _cell(own)) for where, at, said, own in related),
        _read_fix(fix),
        _cell(cell),
    )


def _read_fix(stored: list[Any] | None) -> Fix | None:
    if stored is None:
        return None
    message, edits, applicability = stored
    return Fix(
        _text(message),
        tuple(Edit(_read_span(span), _text(content), _cell(cell)) for span, content, cell in edits),
        Applicability(applicability),
    )


def _suppression(each: Suppression) -> list[Any]:
    words = None if each.words is None else list(each.words)
    return [each.verb, words, _span(each.span), each.gap, each.text, each.first, each.last, each.cell, each.alone]


def _read_suppression(stored: list[Any]) -> Suppression:
    verb, words, span, gap, text, first, last, cell, alone = stored
    numbers = (_number(gap), _text(text), _number(first), _number(last))
    read = Suppression(_text(verb), None, _read_span(span), *numbers, _cell(cell), bool(alone))
    return read if words is None else replace(read, words=tuple(_text(word) for word in words))


def _span(span: Span) -> list[int]:
    return [span.start.row, span.start.column, span.end.row, span.end.column]


def _read_span(stored: list[Any]) -> Span:
    row, column, end_row, end_column = (_number(value) for value in stored)
    return Span(Position(row, column), Position(end_row, end_column))


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(value)
    return value


def _cell(value: Any) -> int | None:
    return None if value is None else _number(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
