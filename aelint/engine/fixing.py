"""Fixing in memory: lint, apply what may be applied, lint again, until nothing is left to do."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from aelint.diagnostics import Diagnostic
from aelint.engine.reading import Reader
from aelint.engine.run import Outcome, Run
from aelint.sources.decode import UnreadableError

__all__ = ["Fixed", "fix"]

ROUNDS = 10
"""A fix may make room for another one; two rules that undo each other must end, too."""


@dataclass(frozen=True)
class Fixed:
    """What fixing changes. Nothing is written yet."""

    outcome: Outcome
    """What is found after the fixes."""
    applied: tuple[Diagnostic, ...] = ()
    before: Mapping[str, bytes] = field(default_factory=dict)
    after: Mapping[str, bytes] = field(default_factory=dict)
    """The content of each changed file, by its path in the run."""


def fix(run: Run, texts: Mapping[str, bytes] | None = None, *, unsafe: bool = False) -> Fixed:
    """Apply the fixes of a run's findings.

    Args:
        run: The files.
        texts: Content, by absolute path, in place of what the disk holds.
        unsafe: Apply fixes that a person should look at, too.
    """
    current = dict(texts or {})
    before: dict[str, bytes] = {}
    applied: list[Diagnostic] = []
    outcome = run.lint(current)
    for _ in range(ROUNDS):
        done = _round(outcome, current, before, unsafe=unsafe)
        if not done:
            break
        applied += done
        outcome = run.lint(current)
    after = {path: current[os.path.abspath(path)] for path in before}
    return Fixed(outcome, tuple(applied), before, after)


def _round(outcome: Outcome, current: dict[str, bytes], before: dict[str, bytes], *, unsafe: bool) -> list[Diagnostic]:
    """Apply what does not overlap to `current`; returns what was applied."""
    # fixes are composed with the whole syntax machinery, which a run without fixes never loads
    from aelint.fixes.compose import fixable, fixed  # noqa: PLC0415

    by_file: dict[str, list[Diagnostic]] = defaultdict(list)
    for each in fixable(outcome.diagnostics, unsafe=unsafe):
        by_file[each.filename].append(each)
    applied: list[Diagnostic] = []
    for path, diagnostics in by_file.items():
        try:
            data = Reader(current).read(path)
            new, done = fixed(path, data, diagnostics)
        except UnreadableError:
            continue
        if new != data:
            before.setdefault(path, data)
            current[os.path.abspath(path)] = new
            applied += done
    return applied
