"""Linting from Python: what the command line does, as functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from aelint.config import Settings, find_config, read_config
from aelint.diagnostics import Diagnostic
from aelint.engine.discovery import common_root
from aelint.engine.run import Outcome, Run
from aelint.sources.decode import encode_python

__all__ = ["IncompleteRunError", "lint_paths", "lint_source"]


class IncompleteRunError(RuntimeError):
    """Something could not be linted; `diagnostics` is what was found all the same."""

    def __init__(self, failures: Sequence[str], diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(failures))
        self.failures = tuple(failures)
        self.diagnostics = list(diagnostics)


def lint_source(
    source: str | bytes, *, filename: str = "source.py", settings: Settings | None = None
) -> list[Diagnostic]:
    """Lint text.

    Args:
        source: Python, or what `filename`'s suffix says: an article (`.md`), a notebook (`.ipynb`).
        filename: What to call it. Imports are followed from its folder.
        settings: What to report; None for the defaults. No configuration file is read.

    Returns:
        The findings, in the order of the rows.

    Raises:
        IncompleteRunError: A rule failed.
    """
    data = encode_python(source) if isinstance(source, str) else source
    run = Run([], settings or Settings(root=common_root([filename])), jobs=1, stdin=filename)
    return _complete(run.lint({os.path.abspath(filename): data}))  # noqa: PTH100 - as the engine spells it


def lint_paths(
    paths: Iterable[str | os.PathLike[str]],
    *,
    settings: Settings | None = None,
    jobs: int | None = 1,
    cached: bool = False,
) -> list[Diagnostic]:
    """Lint files and folders.

    Args:
        paths: What to lint.
        settings: What to report; None reads the nearest configuration file.
        jobs: At most this many processes; None for one per processor.
        cached: Use and keep `.aelint_cache`.

    Returns:
        The findings, in the order of the paths and then of the rows.

    Raises:
        aelint.config.ConfigError: The configuration cannot be understood.
        IncompleteRunError: A path does not exist, or a rule failed.
    """
    named = [os.fspath(path) for path in paths]
    return _complete(Run(named, settings or _nearest(named), jobs=jobs, cached=cached).lint())


def _nearest(paths: Sequence[str]) -> Settings:
    root = common_root(paths)
    found = find_config(Path(root))
    return read_config(found) if found else Settings(root=root)


def _complete(outcome: Outcome) -> list[Diagnostic]:
    if outcome.failures:
        raise IncompleteRunError(outcome.failures, outcome.diagnostics)
    return list(outcome.diagnostics)
