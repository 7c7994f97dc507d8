"""IPython's lines that are not Python: `%magic`, `!command`, `name?`."""

from __future__ import annotations

import re

__all__ = ["mask_magics"]

MARKED = re.compile(r"^(?P<indent>\s*)(?P<mark>%%?|!!?|\?\??)(?P<rest>.*)$")
ASSIGNED = re.compile(r"^(?P<target>\s*[\w.,\s]+=\s*)(?:!|%[A-Za-z]).*$")
HELP = re.compile(r"^(?P<indent>\s*)%?[\w.]+\?\??\s*$")
TIMED = re.compile(r"^(?P<indent>\s*)(?P<magic>%(?:time|timeit|prun)\s+)(?=[A-Za-z_])(?P<statement>.*)$")
PYTHON_CELLS = frozenset({"capture", "prun", "time", "timeit"})
"""Cell magics whose body is Python of this program."""


def mask_magics(lines: list[str]) -> list[tuple[str, int]]:
    """Each row as Python, and the number of characters cut off on its left.

    The number of rows stays the same, so that every row keeps its place in the cell.
    """
    if lines and (first := lines[0].lstrip()).startswith("%%") and first[2:].split(" ")[0] not in PYTHON_CELLS:
        return [("", 0)] * len(lines)
    return [_mask(line) for line in lines]


def _mask(line: str) -> tuple[str, int]:
    if timed := TIMED.match(line):
        return timed["indent"] + timed["statement"], len(timed["magic"])
    if marked := MARKED.match(line) or HELP.match(line):
        return marked["indent"] + "pass", 0
    if assigned := ASSIGNED.match(line):
        return assigned["target"] + "None", 0
    return line, 0
