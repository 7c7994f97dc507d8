"""The last lines: how much was found, and how much mended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Applicability, Diagnostic
from aelint.engine.run import Outcome

__all__ = ["fixes", "statistics", "summary"]

LEVELS = (("error", "errors"), ("warning", "warnings"), ("advice", "pieces of advice"))


def summary(outcome: Outcome, done: Sequence[str] = ()) -> Iterator[str]:
    """A line about the whole run, and one about what can be mended.

    Args:
        outcome: The run.
        done: What else happened, in a few words each.
    """
    files = _counted(outcome.files, "file", "files")
    asides = [f"{_counted(outcome.silenced, 'finding', 'findings')} silenced"] if outcome.silenced else []
    aside = f" ({', '.join((*asides, *done))})" if asides or done else ""
    if not outcome.diagnostics:
        incomplete = ", but the run is incomplete" if outcome.failures else ""
        yield f"No faults found in {files}{aside}{incomplete}."
        return
    levels = Counter(str(each.severity) for each in outcome.diagnostics)
    parts = [_counted(levels[one], one, many) for one, many in LEVELS if levels[one]]
    where = len({each.filename for each in outcome.diagnostics})
    code = outcome.diagnostics[0].code
    yield f"Found {' and '.join(parts)} in {where} of {files}{aside}. `aelint rule {code}` explains a rule."
    yield from _mendable(outcome.diagnostics)


def _mendable(found: Sequence[Diagnostic]) -> Iterator[str]:
    kinds = Counter(each.fix.applicability for each in found if each.fix is not None and each.fix.edits)
    options = {Applicability.SAFE: "`--fix`", Applicability.UNSAFE: "`--fix --unsafe-fixes` (please check the result)"}
    parts = [f"{kinds[kind]} with {option}" for kind, option in options.items() if kinds[kind]]
    if parts:
        yield f"Can be mended: {', '.join(parts)}."


def statistics(diagnostics: Sequence[Diagnostic], *, as_json: bool = False) -> Iterator[str]:
    """The number of findings of each rule, the most frequent first."""
    counts = Counter((each.code, each.name) for each in diagnostics)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if as_json:
        yield json.dumps([{"code": code, "name": name, "count": count} for (code, name), count in ordered], indent=2)
        return
    width = len(str(max(counts.values(), default=0)))
    for (code, name), count in ordered:
        yield f"{count:>{width}}  {code}  {name}"


def fixes(applied: Sequence[Diagnostic]) -> Iterator[str]:
    """What was mended, file by file."""
    counts = Counter((each.filename, each.code, each.name) for each in applied)
    for (path, code, name), count in counts.items():
        yield f"Fixed {path}: {count} × {code} {name}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many}"
