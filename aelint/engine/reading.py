"""The content of files, or what stands in for it: standard input, and changes that are not written yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from aelint.sources.decode import DATA_LIMIT, UnreadableError, refuse_large

__all__ = ["Reader"]


@dataclass(frozen=True)
class Reader:
    """Reads files; `texts` (by absolute path) hides what the disk holds."""

    texts: Mapping[str, bytes] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self.texts or os.path.isfile(path)

    def read(self, path: str) -> bytes:
        """The content of the file at `path`.

        Raises:
            UnreadableError: The operating system does not give it.
            TooLargeError: It cannot be a text that somebody wrote.
        """
        if self.texts and (data := self.texts.get(os.path.abspath(path))) is not None:
            return data
        try:
            with open(path, "rb") as file:
                data = file.read(DATA_LIMIT + 1)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from error
        refuse_large(data, DATA_LIMIT)
        return data
