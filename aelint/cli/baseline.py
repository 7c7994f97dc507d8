"""`aelint baseline`: accept what is there, fail on what is new."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from aelint import baseline
from aelint._version import VERSION
from aelint.cli.check import finish
from aelint.cli.settings import settings
from aelint.cli.terminal import complain, say
from aelint.config import ConfigError
from aelint.engine.fixing import Fixed
from aelint.engine.run import Outcome, Run
from aelint.registry import UnknownRuleError
from aelint.reporters import Presentation

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Create, update, check or prune the baseline."""
    paths = args.paths or ["."]
    try:
        chosen = settings(args, paths)
        file = Path(args.file) if args.file else Path(chosen.root) / "aelint-baseline.json"
        accepted = [] if args.action == "create" else baseline.read(file)
    except (ConfigError, UnknownRuleError, baseline.BaselineError) as error:
        complain(str(error))
        return 2
    if args.action == "create" and file.exists():
        complain(f"{file}: exists already; `aelint baseline update` accepts what is new")
        return 2
    outcome = Run(paths, chosen, jobs=args.jobs, cached=not args.no_cache).lint()
    presentation = Presentation(VERSION, chosen.root)
    compared = baseline.compare(outcome.diagnostics, accepted, presentation)
    if args.action == "check":
        for entry in compared.vanished:
            complain(f"{entry.path}: {entry.code} {entry.name} is gone; `aelint baseline prune` drops it", "note")
        remaining = replace(outcome, diagnostics=compared.new)
        return finish(args, Fixed(remaining), chosen, {}, [f"{len(compared.known)} in the baseline"])
    kept = compared.known if args.action == "prune" else baseline.accept(outcome.diagnostics, presentation)
    return _write(file, kept, outcome, compared)


def _write(file: Path, kept: Iterable[baseline.Accepted], outcome: Outcome, compared: baseline.Comparison) -> int:
    for line in outcome.failures:
        complain(line)
    if outcome.failures:  # an incomplete run would drop what it did not see
        complain(f"{file}: not written, because the run is incomplete")
        return 2
    kept = list(kept)
    try:
        baseline.write(file, kept)
    except OSError as error:
        complain(f"{file}: cannot be written: {error.strerror}")
        return 2
    say(f"{file}: {len(kept)} accepted, {len(compared.vanished)} dropped.")
    return 0
