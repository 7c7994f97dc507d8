"""JUnit XML: a test suite per file, a failed test per finding.

There is one format and several schemas. This is what Ant's and Jenkins' agree on, and no more than two attributes
beside them: `file` and `line` of a test, by which GitLab, CircleCI and others link to the source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from aelint.diagnostics import Diagnostic
from aelint.reporters.presentation import Presentation, printable

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One document; without findings, one test that passed."""
    by_file: dict[str, list[Diagnostic]] = defaultdict(list)
    for each in diagnostics:
        by_file[presentation.relative(each.filename)].append(each)
    count = len(diagnostics)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="aelint" tests="{max(count, 1)}" failures="{count}" errors="0" time="0">'
    if not by_file:
        yield '  <testsuite name="aelint" tests="1" failures="0" errors="0" time="0">'
        yield '    <testcase name="no faults found" classname="aelint" time="0"/>'
        yield "  </testsuite>"
    for path, found in by_file.items():
        counts = f'tests="{len(found)}" failures="{len(found)}" errors="0" time="0"'
        yield f"  <testsuite name={_quoted(path)} {counts}>"
        for each in found:
            yield from _case(path, each)
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(path: str, found: Diagnostic) -> Iterator[str]:
    cell = "" if found.cell is None else f"cell {found.cell}, "
    place = f"{cell}line {found.span.start.row}, column {found.span.start.column}"
    row = "" if found.cell is not None else f' line="{found.span.start.row}"'
    name, file = _quoted(f"{found.code} {found.name}"), _quoted(path)
    yield f'    <testcase name={name} classname={file} time="0" file={file}{row}>'
    yield f"      <failure type={_quoted(str(found.severity))} message={_quoted(found.message)}>"
    yield escape(printable(f"{path}: {place}: {found.message}"))
    yield "      </failure>"
    yield "    </testcase>"


def _quoted(text: str) -> str:
    """An attribute's value; what XML cannot hold is written as an escape."""
    return quoteattr(printable(text))
