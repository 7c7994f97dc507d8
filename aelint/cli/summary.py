"""The last lines: how much was found, and how much mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Diagnostic
from aelint.engine.run import Outcome

__all__ = ["fixes", "statistics", "summary"]

LEVELS = (("error", "errors"), ("warning", "warnings"), ("advice", "pieces of advice"))


def summary(outcome: Outcome, fixed: int) -> str:
    """One line about the whole run."""
    files = _counted(outcome.files, "file", "files")
    asides = [f"{_counted(outcome.silenced, 'finding', 'findings')} silenced"] if outcome.silenced else []
    asides += [f"{fixed} fixed"] if fixed else []
    aside = f" ({', '.join(asides)})" if asides else ""
    if not outcome.diagnostics:
        return f"No faults found in {files}{aside}."
    levels = Counter(str(each.severity) for each in outcome.diagnostics)
    parts = [_counted(levels[one], one, many) for one, many in LEVELS if levels[one]]
    where = len({each.filename for each in outcome.diagnostics})
    code = outcome.diagnostics[0].code
    return f"Found {' and '.join(parts)} in {where} of {files}{aside}. `aelint rule {code}` explains a rule."


def statistics(diagnostics: Sequence[Diagnostic]) -> Iterator[str]:
    """The number of findings of each rule, the most frequent first."""
    counts = Counter((each.code, each.name) for each in diagnostics)
    width = len(str(max(counts.values(), default=0)))
    for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:>{width}}  {code}  {name}"


def fixes(applied: Sequence[Diagnostic]) -> Iterator[str]:
    """What was mended, file by file."""
    counts = Counter((each.filename, each.code, each.name) for each in applied)
    for (path, code, name), count in counts.items():
        yield f"Fixed {path}: {count} × {code} {name}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many}"
