"""`--watch`: the same run again whenever a file changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aelint.cli.terminal import say
from aelint.config import ConfigError, Settings
from aelint.engine.discovery import Discovery
from aelint.registry import UnknownRuleError

__all__ = ["watch"]

PAUSE = 0.5
SHARE = 10
"""Looking for changes may take one part in so many of the time."""
CLEAR = "\033[2J\033[3J\033[H"
CONFIGURATIONS = ("aelint.toml", "pyproject.toml", ".gitignore")

Snapshot = dict[str, tuple[int, int]]


def watch(once: Callable[[], int], paths: Sequence[str], settings: Callable[[], Settings], *, writes: bool) -> int:
    """Run `once`, and again after every change of a file below `paths`, until the user interrupts it.

    Args:
        once: The run, with its report.
        paths: What it lints.
        settings: The settings in force, read anew: they decide which files count.
        writes: The run changes files itself, which is no reason to run again.
    """
    while True:
        before = _snapshot(paths, settings)
        if sys.stdout.isatty():
            sys.stdout.write(CLEAR)
        once()
        if writes:
            before = _snapshot(paths, settings)
        say("Waiting for changes; Ctrl-C ends this.")
        sys.stdout.flush()
        _wait(before, paths, settings)


def _wait(before: Snapshot, paths: Sequence[str], settings: Callable[[], Settings]) -> None:
    pause = PAUSE
    while True:
        time.sleep(pause)
        begin = time.monotonic()
        if _snapshot(paths, settings) != before:
            return
        pause = max(PAUSE, SHARE * (time.monotonic() - begin))


def _snapshot(paths: Sequence[str], settings: Callable[[], Settings]) -> Snapshot:
    """When each file was last written, and its size."""
    try:
        chosen = settings()
    except (ConfigError, UnknownRuleError):  # the run has said so; its file is watched like the others
        chosen = Settings()
    found: Snapshot = {}
    for path in [*Discovery(chosen).files(paths), *(f"{chosen.root}/{name}" for name in CONFIGURATIONS)]:
        try:
            state = Path(path).stat()
        except OSError:
            continue
        found[path] = state.st_mtime_ns, state.st_size
    return found
