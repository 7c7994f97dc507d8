"""`aelint check`: lint and report."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from aelint._version import VERSION
from aelint.cli.settings import settings
from aelint.cli.terminal import colours, complain, say
from aelint.config import ConfigError, Settings
from aelint.diagnostics import Diagnostic
from aelint.engine.run import Outcome, lint_bytes, lint_files
from aelint.registry import UnknownRuleError
from aelint.reporters import Presentation, reporter

__all__ = ["run"]

FOR_PEOPLE = ("full", "concise")
STDIN = "-"


def run(args: argparse.Namespace) -> int:
    """Lint what `args` names and report it."""
    paths = args.paths or ["."]
    if STDIN in paths and len(paths) > 1:
        complain("standard input (`-`) cannot be linted together with other files")
        return 2
    named = [args.stdin_filename or "stdin.py"] if paths == [STDIN] else paths
    try:
        chosen = settings(args, named)
    except (ConfigError, UnknownRuleError) as error:
        complain(str(error))
        return 2
    if paths == [STDIN]:
        data = sys.stdin.buffer.read()
        outcome, texts = lint_bytes(named[0], data, chosen), {named[0]: data}
    else:
        outcome, texts = lint_files(paths, chosen, jobs=args.jobs), {}
    try:
        _report(args, outcome, _presentation(args, chosen, texts))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(f"{args.output_file}: cannot be written: {error.strerror}")
        return 2
    return _exit_code(args, outcome)


def _presentation(args: argparse.Namespace, chosen: Settings, texts: dict[str, bytes]) -> Presentation:
    coloured = not args.output_file and args.output_format in FOR_PEOPLE and colours(args.color)
    return Presentation(VERSION, chosen.root, coloured, texts)


def _report(args: argparse.Namespace, outcome: Outcome, presentation: Presentation) -> None:
    lines: Iterable[str]
    if args.statistics:
        lines = _statistics(outcome.diagnostics)
    else:
        lines = reporter(args.output_format)(outcome.diagnostics, presentation)
    if args.output_file:
        Path(args.output_file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        for line in lines:
            say(line)
    for line in outcome.notes:
        complain(line, "note")
    for line in outcome.failures:
        complain(line)
    if args.output_format in FOR_PEOPLE and not args.quiet:
        say(_summary(outcome))


def _statistics(diagnostics: Sequence[Diagnostic]) -> Iterable[str]:
    counts = Counter((each.code, each.name) for each in diagnostics)
    width = len(str(max(counts.values(), default=0)))
    for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:>{width}}  {code}  {name}"


def _summary(outcome: Outcome) -> str:
    files = _counted(outcome.files, "file")
    silenced = f" ({_counted(outcome.silenced, 'finding')} silenced)" if outcome.silenced else ""
    if not outcome.diagnostics:
        return f"No faults found in {files}{silenced}."
    levels = Counter(str(each.severity) for each in outcome.diagnostics)
    parts = [_counted(levels[level], level) for level in ("error", "warning", "advice") if levels[level]]
    where = len({each.filename for each in outcome.diagnostics})
    codes = sorted({each.code for each in outcome.diagnostics})
    explained = f"`aelint rule {codes[0]}` explains a rule."
    return f"Found {' and '.join(parts)} in {where} of {files}{silenced}. {explained}"


def _counted(number: int, noun: str) -> str:
    if noun == "advice":
        noun = "piece of advice" if number == 1 else "pieces of advice"
        return f"{number} {noun}"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _exit_code(args: argparse.Namespace, outcome: Outcome) -> int:
    if outcome.failures:
        return 2
    return 1 if outcome.diagnostics and not args.exit_zero else 0
