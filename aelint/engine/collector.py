"""Python's cycle collector rests while a file is analysed.

Nearly everything that an analysis makes lives to its end and dies together; looking for dead cycles in
the middle of it takes a third of the time and finds nothing. Behind it, Python's own rhythm counts
allocations: one pause per file, so that old trees, which only the rare third stage finds, would pile up over a
hundred files. A full collection after every few files keeps memory flat.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Collector"]

FILES = 8
"""Files between two full collections: few enough for memory, many enough that nobody notices the time."""


class Collector:
    """The rhythm of collections over the files of one process."""

    def __init__(self) -> None:
        self._files = 0

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No collection inside of the block."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()

    def one_more(self) -> None:
        """Another file begins, and nothing of the last one is in use any more."""
        self._files += 1
        if self._files % FILES == 0 and gc.isenabled():
            gc.collect()
