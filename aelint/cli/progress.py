"""A line on the terminal while a long run goes on; nothing where nobody looks."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

PATIENCE = 0.7
"""Seconds after which people wonder whether anything happens."""
INTERVAL = 0.1
ERASE = "\r\033[K"


class Progress:
    """Counts files on a terminal's last line; the line is gone when the report begins.

    Args:
        wanted: False for a run that should be quiet.
        stream: Where it is drawn, if that is a terminal.
    """

    def __init__(self, *, wanted: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._active = wanted and self._stream.isatty()
        self._due = time.monotonic() + PATIENCE
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` files are analysed."""
        if not self._active or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + INTERVAL
        self._stream.write(f"{ERASE}aelint: {done} of {total} files read")
        self._stream.flush()
        self._drawn = True

    def finish(self) -> None:
        """Take the line back."""
        if self._drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._drawn = False
