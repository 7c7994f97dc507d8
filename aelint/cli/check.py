"""`aelint check`: lint, mend if asked to, and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from aelint._version import VERSION
from aelint.cli.progress import Progress
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
    """Lint what `args` names and report it, once or after every change."""
    if not args.watch:
        return _run(args)
    paths = args.paths or ["."]
    if STDIN in paths or args.diff or args.add_ignores is not None:
        complain("--watch goes with files and folders, and with --fix, but not with `-`, --diff or --add-ignores")
        return 2
    from aelint.cli.watch import watch  # noqa: PLC0415 - only here

    return watch(lambda: _run(args), paths, lambda: settings(args, paths), writes=_mends(args))


def _run(args: argparse.Namespace) -> int:
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
    progress = Progress(wanted=not args.quiet)
    cached = not args.no_cache and stdin is None
    files = Run(paths, chosen, jobs=args.jobs, stdin=stdin, cached=cached, progress=progress)
    try:
        fixed = _fixed(args, files, texts)
    finally:
        progress.finish()
    if not _mends(args):
        return finish(args, fixed, chosen, texts)
    return _mend(args, fixed, chosen, texts, is_stdin=stdin is not None)


def _mends(args: argparse.Namespace) -> bool:
    return args.add_ignores is not None or args.fix or args.diff or args.fix_only


def _fixed(args: argparse.Namespace, files: Run, texts: dict[str, bytes]) -> Fixed:
    if args.add_ignores is not None:
        return ignore(files, args.add_ignores, texts)
    return fix(files, texts, unsafe=args.unsafe_fixes) if _mends(args) else Fixed(files.lint(texts))


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


def finish(
    args: argparse.Namespace, fixed: Fixed, chosen: Settings, texts: dict[str, bytes], done: Sequence[str] = ()
) -> int:
    """Report what was found; the exit code. `done` says in a few words each what else happened."""
    outcome = fixed.outcome
    coloured = not args.output_file and args.output_format in FOR_PEOPLE and colours(args.color)
    presentation = Presentation(VERSION, chosen.root, coloured, outcome.failures, texts)
    if args.statistics:
        lines: Iterable[str] = statistics(outcome.diagnostics, as_json=args.output_format == "json")
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
        for line in summary(outcome, (*done, *_applied(args, len(fixed.applied)))):
            say(line)
    return code


def _applied(args: argparse.Namespace, count: int) -> tuple[str, ...]:
    if not count:
        return ()
    adds = getattr(args, "add_ignores", None) is not None
    return (f"{count} {'comment' if count == 1 else 'comments'} added" if adds else f"{count} fixed",)


def _print(lines: Iterable[str], file: str | None) -> None:
    if file:
        Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="backslashreplace")
        return
    for line in lines:
        say(line)
