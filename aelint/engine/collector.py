"""Python's cycle collector rests during a run.

Nearly everything that an analysis makes lives to the end of its file and dies together; Python's own rhythm
counts allocations and would look for dead cycles many times in the middle of it, a seventh of the whole time.
So a run collects by itself, between two files, when what has piled up is worth the look.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Collector"]

MOST_BLOCKS = 1_500_000
"""Blocks of memory (about 100 MB) that may pile up between two collections, so that many files need no more than some."""


class Collector:
    """The rhythm of collections over the files of one process."""

    def __init__(self) -> None:
        self._left = _blocks()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No collection inside of the block but those of `one_more`."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            _count_as_old()
            if enabled:
                gc.enable()

    def one_more(self) -> None:
        """Another file begins, and nothing of the last one is in use any more."""
        if _blocks() - self._left > MOST_BLOCKS:
            gc.collect()
            self._left = _blocks()


def _count_as_old() -> None:
    # Or else Python would look at everything that a run made, at once, when the block ends.
    if not gc.get_freeze_count():  # what somebody froze stays frozen
        gc.freeze()
        gc.unfreeze()


def _blocks() -> int:
    # Only CPython counts them, and only CPython's collector is slow enough to matter.
    return sys.getallocatedblocks() if hasattr(sys, "getallocatedblocks") else 0
