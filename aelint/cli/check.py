"""`aelint check`: lint, mend if asked to, and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from aelint._version import VERSION
from aelint.cli.settings import settings
from aelint.cli.summary import fixes, statistics, summary
from aelint.cli.terminal import colours, complain, say
from aelint.config import ConfigError, Settings
from aelint.engine.fixing import Fixed, fix, ignore
from aelint.engine.run import Run
from aelint.registry import UnknownRuleError
from aelint.reporters import Presentation, reporter

__all__ = ["finish", "run"]

FOR_PEOPLE = ("full", "concise")
STDIN = "-"


def run(args: argparse.Namespace) -> int:
    """Lint what `args` names and report it."""
    paths = args.paths or ["."]
    if STDIN in paths and len(paths) > 1:
        complain("standard input (`-`) cannot be linted together with other files")
        return 2
    stdin = (args.stdin_filename or "stdin.py") if paths == [STDIN] else None
    try:
        chosen = settings(args, paths if stdin is None else [stdin])
    except (ConfigError, UnknownRuleError) as error:
        complain(str(error))
        return 2
    texts = {} if stdin is None else {str(Path(stdin).absolute()): sys.stdin.buffer.read()}
    files = Run(paths, chosen, jobs=args.jobs, stdin=stdin, cached=not args.no_cache and stdin is None)
    if args.add_ignores is not None:
        fixed = ignore(files, args.add_ignores, texts)
    elif args.fix or args.diff or args.fix_only:
        fixed = fix(files, texts, unsafe=args.unsafe_fixes)
    else:
        return finish(args, Fixed(files.lint(texts)), chosen, texts)
    return _mend(args, fixed, chosen, texts, is_stdin=stdin is not None)


def _mend(args: argparse.Namespace, fixed: Fixed, chosen: Settings, texts: dict[str, bytes], *, is_stdin: bool) -> int:
    """Show or write what fixing changes, then report what is left."""
    if args.diff:
        from aelint.cli.difference import difference  # noqa: PLC0415 - only here

        for line in difference(fixed, coloured=colours(args.color)):
            say(line)
        return _finish_quietly(fixed, changed=bool(fixed.after))
    if is_stdin:
        for text in fixed.after.values() or texts.values():
            sys.stdout.buffer.write(text)
        sys.stdout.flush()
        return _finish_quietly(fixed, changed=bool(fixed.outcome.diagnostics) and not args.exit_zero)
    if not _write(fixed):
        return 2
    if args.fix_only:
        return _finish_quietly(fixed, changed=False)
    return finish(args, fixed, chosen, {})


def _write(fixed: Fixed) -> bool:
    from aelint.fixes.write import replace_file  # noqa: PLC0415 - only here

    success = True
    for path, after in fixed.after.items():
        try:
            replace_file(path, fixed.before[path], after)
        except OSError as error:
            complain(f"{path}: not fixed: {error.strerror or error}")
            success = False
    return success


def _finish_quietly(fixed: Fixed, *, changed: bool) -> int:
    for line in fixed.outcome.notes:
        complain(line, "note")
    for line in fixed.outcome.failures:
        complain(line)
    return 2 if fixed.outcome.failures else int(changed)


def finish(args: argparse.Namespace, fixed: Fixed, chosen: Settings, texts: dict[str, bytes]) -> int:
    """Report what was found; the exit code."""
    outcome = fixed.outcome
    coloured = not args.output_file and args.output_format in FOR_PEOPLE and colours(args.color)
    presentation = Presentation(VERSION, chosen.root, coloured, outcome.failures, texts)
    if args.statistics:
        lines: Iterable[str] = statistics(outcome.diagnostics)
    else:
        lines = reporter(args.output_format)(outcome.diagnostics, presentation)
    try:
        _print(lines, args.output_file)
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"{args.output_file}: cannot be written: {error.strerror}")
        return 2
    code = _finish_quietly(fixed, changed=bool(outcome.diagnostics) and not args.exit_zero)
    if args.output_format in FOR_PEOPLE and not args.quiet:
        for line in fixes(fixed.applied) if args.show_fixes else ():
            say(line)
        say(summary(outcome, len(fixed.applied)))
    return code


def _print(lines: Iterable[str], file: str | None) -> None:
    if file:
        Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="backslashreplace")
        return
    for line in lines:
        say(line)
