"""What a reporter may know beside the diagnostics: the text of the files, the root, whether colours help."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from aelint.sources.decode import UnreadableError, decode_python, decode_text
from aelint.sources.load import Kind, kind_of

__all__ = ["Presentation", "printable"]


KEPT_FILES = 16
"""Diagnostics come file by file; a few files more are named as related places."""


@dataclass(frozen=True)
class Presentation:
    """How and about what a reporter speaks."""

    version: str = ""
    root: str = "."
    """The folder to which machine-readable formats make paths relative."""
    colours: bool = False
    failures: tuple[str, ...] = ()
    """What the run could not do."""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    """Content, by absolute path, that stands in for a file's (standard input)."""
    _texts: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def lines(self, path: str, cell: int | None = None) -> list[str]:
        """The rows of a file, or of one code cell of a notebook; none if it cannot be read (any more)."""
        if path not in self._texts:
            if len(self._texts) >= KEPT_FILES:
                self._texts.clear()
            self._texts[path] = self._parts(path)
        parts = self._texts[path]
        index = 0 if cell is None else cell - 1
        return parts[index].split("\n") if index < len(parts) else []

    def relative(self, path: str) -> str:
        """The path from the root, with "/", or the absolute path if it lies elsewhere."""
        absolute, root = os.path.abspath(path), os.path.abspath(self.root)
        inside = absolute == root or absolute.startswith(root.rstrip(os.sep) + os.sep)
        return (os.path.relpath(absolute, root) if inside else absolute).replace(os.sep, "/")

    def _parts(self, path: str) -> tuple[str, ...]:
        try:
            data = self.texts.get(os.path.abspath(path))
            if data is None:
                with open(path, "rb") as file:
                    data = file.read()
            match kind_of(path, data):
                case Kind.PYTHON:
                    return (decode_python(data).text,)
                case Kind.MARKDOWN:
                    return (decode_text(data).text,)
                case Kind.NOTEBOOK:
                    from aelint.sources.notebook import code_cells  # noqa: PLC0415 - most runs see no such file

                    return tuple(code_cells(decode_text(data).text))
        except (OSError, UnreadableError):
            return ()


def printable(text: str) -> str:
    """Text from a file or a name, without what would move a terminal's cursor or end the line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
