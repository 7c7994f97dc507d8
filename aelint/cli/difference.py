"""`--diff`: what fixing would change, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from aelint.engine.fixing import Fixed

__all__ = ["difference"]

COLOURS = {"+": "32", "-": "31", "@": "36"}


def difference(fixed: Fixed, *, coloured: bool) -> Iterator[str]:
    """The lines of the diff of all changed files."""
    for path, after in fixed.after.items():
        for line in difflib.unified_diff(_rows(fixed.before[path]), _rows(after), path, path, lineterm=""):
            colour = COLOURS.get(line[:1]) if coloured else None
            yield f"\033[{colour}m{line}\033[0m" if colour else line


def _rows(data: bytes) -> list[str]:
    return data.decode("utf-8", "backslashreplace").splitlines()
