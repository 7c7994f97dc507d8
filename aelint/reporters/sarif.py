"""SARIF 2.1.0, as code scanning reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from aelint.diagnostics import Diagnostic, Fix, Severity, Span
from aelint.fingerprints import fingerprints, line_hashes
from aelint.pages import page
from aelint.registry import RuleInfo, find
from aelint.reporters.presentation import Presentation

__all__ = ["render"]

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "recommendation"}
ROOT = "%SRCROOT%"


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One log with one run; rules that reported nothing are not listed."""
    rules = [find(code) for code in sorted({each.code for each in diagnostics})]
    run = {
        "tool": {"driver": _driver(rules, presentation)},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder to which paths are relative."}}},
        "invocations": [_invocation(presentation)],
        "results": _results(diagnostics, [rule.code for rule in rules], presentation),
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    yield json.dumps(log, indent=2, ensure_ascii=False)


def _driver(rules: Sequence[RuleInfo], presentation: Presentation) -> dict[str, Any]:
    return {
        "name": "aelint",
        "semanticVersion": presentation.version or "0.0.0",
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: RuleInfo) -> dict[str, Any]:
    text = page(rule)
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": text.split("\n\n")[0].replace("\n", " ")},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "precision": str(rule.confidence),
            "problem.severity": PROBLEMS[rule.severity],
            "tags": ["autoencoder", "pytorch", rule.family],
        },
    }


def _invocation(presentation: Presentation) -> dict[str, Any]:
    notes = [{"level": "error", "message": {"text": line}} for line in presentation.failures]
    return {"executionSuccessful": not notes, "toolExecutionNotifications": notes}


def _results(
    diagnostics: Sequence[Diagnostic], codes: Sequence[str], presentation: Presentation
) -> list[dict[str, Any]]:
    names = fingerprints(diagnostics, presentation.lines, presentation.relative)
    hashes: dict[tuple[str, int | None], list[str]] = {}
    results = []
    for found, name in zip(diagnostics, names, strict=True):
        key = (found.filename, found.cell)
        if key not in hashes:
            hashes[key] = line_hashes("\n".join(presentation.lines(*key)))
        row = found.span.start.row - 1
        own = hashes[key][row] if row < len(hashes[key]) else name
        results.append(_result(found, codes.index(found.code), own, name, presentation))
    return results


def _result(found: Diagnostic, index: int, line_hash: str, name: str, presentation: Presentation) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": LEVELS[found.severity],
        "message": {"text": found.message},
        "locations": [_location(found.filename, found.cell, found.span, presentation)],
        "partialFingerprints": {"primaryLocationLineHash": line_hash, "aelint/v1": name},
        "properties": {"confidence": str(found.confidence), "name": found.name},
    }
    if found.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": note.message},
                **_location(note.filename, note.cell, note.span, presentation),
            }
            for number, note in enumerate(found.related, 1)
        ]
    if found.fix is not None and found.fix.edits and found.cell is None:
        result["fixes"] = [_fix(found.fix, found.filename, presentation)]
    return result


def _fix(fix: Fix, path: str, presentation: Presentation) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.content}} for edit in fix.edits
    ]
    change = {"artifactLocation": _artifact(path, presentation), "replacements": replacements}
    return {"description": {"text": fix.message}, "artifactChanges": [change]}


def _location(path: str, cell: int | None, span: Span, presentation: Presentation) -> dict[str, Any]:
    """A place; a row of a notebook's cell is no row of the file and is said in words."""
    physical: dict[str, Any] = {"artifactLocation": _artifact(path, presentation)}
    if cell is None:
        return {"physicalLocation": {**physical, "region": _region(span)}}
    words = f"cell {cell}, line {span.start.row}, column {span.start.column}"
    return {
        "physicalLocation": {**physical, "region": {"startLine": 1}},
        "logicalLocations": [{"name": words, "kind": "cell"}],
    }


def _artifact(path: str, presentation: Presentation) -> dict[str, str]:
    relative = presentation.relative(path)
    if PurePosixPath(relative).is_absolute():
        return {"uri": f"file://{_quoted(relative)}"}
    return {"uri": _quoted(relative), "uriBaseId": ROOT}


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.row,
        "startColumn": span.start.column,
        "endLine": span.end.row,
        "endColumn": span.end.column,
    }
