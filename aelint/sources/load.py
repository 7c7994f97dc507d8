"""One file's bytes to units of Python, by the kind of file it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from aelint.sources.decode import Decoded, UnreadableError, decode_python, decode_text
from aelint.sources.unit import SourceUnit

__all__ = ["SUFFIXES", "Kind", "Source", "kind_of", "load"]


class Kind(StrEnum):
    """How Python stands in a file."""

    PYTHON = "python"
    MARKDOWN = "markdown"
    NOTEBOOK = "notebook"


SUFFIXES = {
    ".py": Kind.PYTHON,
    ".pyw": Kind.PYTHON,
    ".ipynb": Kind.NOTEBOOK,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".mdx": Kind.MARKDOWN,
    ".myst": Kind.MARKDOWN,
    ".qmd": Kind.MARKDOWN,
}
"""Files that are linted when a folder is named; a file that is named itself may have any suffix."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its text and the Python in it."""

    path: str
    kind: Kind
    decoded: Decoded
    units: tuple[SourceUnit, ...]
    left_out: tuple[UnreadableError, ...] = ()
    """Cells that are no Python and were left out."""


def kind_of(path: str, data: bytes) -> Kind:
    """The kind of file: by suffix, else by how it begins, else Python."""
    if kind := SUFFIXES.get(os.path.splitext(path)[1].lower()):
        return kind
    head = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"---\n", b"---\r\n")) and b"\n---" in head:
        return Kind.MARKDOWN
    if head.lstrip().startswith(b"{") and b'"cells"' in data:
        return Kind.NOTEBOOK
    return Kind.PYTHON


def load(path: str, data: bytes) -> Source:
    """Read the Python in `data`, the content of the file at `path`.

    Raises:
        UnreadableError: There is no text in it, or no notebook where one was expected.
    """
    match kind := kind_of(path, data):
        case Kind.PYTHON:
            decoded = decode_python(data)
            units = (SourceUnit(path, decoded.text),) if decoded.text.strip() else ()
            return Source(path, kind, decoded, units)
        case Kind.MARKDOWN:
            from aelint.sources.markdown import markdown_units  # noqa: PLC0415 - most runs see no such file

            decoded = decode_text(data)
            return Source(path, kind, decoded, markdown_units(path, decoded.text))
        case Kind.NOTEBOOK:
            from aelint.sources.notebook import notebook_units  # noqa: PLC0415 - most runs see no such file

            decoded = decode_text(data)
            notebook, left_out = notebook_units(path, decoded.text) if decoded.text.strip() else ((), ())
            return Source(path, kind, decoded, notebook, left_out)
