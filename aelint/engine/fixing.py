"""Fixing in memory: lint, apply what may be applied, lint again, until nothing is left to do."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aelint.diagnostics import Diagnostic
from aelint.engine.reading import Reader
from aelint.engine.run import Outcome, Run
from aelint.sources.decode import UnreadableError
from aelint.sources.load import load

__all__ = ["Fixed", "fix", "ignore"]

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
    # fixes need the whole syntax machinery, which a run without fixes never loads
    from aelint.fixes.compose import fixable  # noqa: PLC0415

    draft = _Draft(dict(texts or {}))
    outcome = run.lint(draft.current)
    for _ in range(ROUNDS):
        if not draft.apply(fixable(outcome.diagnostics, unsafe=unsafe)):
            break
        outcome = run.lint(draft.current)
    return draft.finished(outcome)


def ignore(run: Run, reason: str, texts: Mapping[str, bytes] | None = None) -> Fixed:
    """Add a comment for every finding that a comment can silence.

    Args:
        run: The files.
        reason: What the comments say after the brackets.
        texts: Content, by absolute path, in place of what the disk holds.
    """
    from aelint.engine.ignoring import with_comments  # noqa: PLC0415 - only here

    draft = _Draft(dict(texts or {}))
    found: dict[str, list[Diagnostic]] = defaultdict(list)
    for each in run.lint(draft.current).diagnostics:
        found[each.filename].append(each)
    for path, diagnostics in found.items():
        with contextlib.suppress(UnreadableError):
            source = load(path, Reader(draft.current).read(path))
            draft.apply(with_comments(source, diagnostics, reason))
    return draft.finished(run.lint(draft.current))


@dataclass
class _Draft:
    """Changed content that is not written yet."""

    current: dict[str, bytes]
    """By absolute path."""
    before: dict[str, bytes] = field(default_factory=dict)
    applied: list[Diagnostic] = field(default_factory=list)

    def apply(self, diagnostics: Sequence[Diagnostic]) -> bool:
        """Apply the fixes that fit together; whether there were any."""
        from aelint.fixes.compose import fixed  # noqa: PLC0415

        by_file: dict[str, list[Diagnostic]] = defaultdict(list)
        for each in diagnostics:
            by_file[each.filename].append(each)
        count = len(self.applied)
        for path, own in by_file.items():
            with contextlib.suppress(UnreadableError):
                data = Reader(self.current).read(path)
                new, done = fixed(path, data, own)
                if new != data:
                    self.before.setdefault(path, data)
                    self.current[os.path.abspath(path)] = new
                    self.applied += done
        return len(self.applied) > count

    def finished(self, outcome: Outcome) -> Fixed:
        after = {path: self.current[os.path.abspath(path)] for path in self.before}
        return Fixed(outcome, tuple(self.applied), self.before, after)
