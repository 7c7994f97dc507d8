"""Names for findings that stay the same when lines move."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from aelint.diagnostics import Diagnostic

__all__ = ["fingerprints", "line_hashes"]

WINDOW = 100
BASE = 37
MASK = 2**64 - 1
END_OF_FILE = 0xFFFF


def line_hashes(text: str) -> list[str]:
    """GitHub's `primaryLocationLineHash` of every line.

    Each is a polynomial hash, base 37 modulo 2^64, of the 100 UTF-16 code units that begin with the line,
    spaces and tabs left out; U+FFFF stands for the end of the file, and `:n` counts equal hashes.
    Source: the action `github/codeql-action`, `src/fingerprints.ts`.
    """
    units = [unit for unit in _code_units(text.replace("\r\n", "\n").replace("\r", "\n")) if unit not in {32, 9}]
    units.append(END_OF_FILE)
    starts = [0, *(at + 1 for at, unit in enumerate(units[:-1]) if unit == 10)]
    units += [0] * WINDOW
    seen: Counter[str] = Counter()
    hashes = []
    for start in starts:
        value = 0
        for unit in units[start : start + WINDOW]:
            value = (value * BASE + unit) & MASK
        seen[f"{value:x}"] += 1
        hashes.append(f"{value:x}:{seen[f'{value:x}']}")
    return hashes


def fingerprints(
    diagnostics: Sequence[Diagnostic], lines: Callable[[str, int | None], list[str]], relative: Callable[[str], str]
) -> Iterator[str]:
    """For each diagnostic a name made of its rule, its file and what its line says.

    Args:
        diagnostics: In their order, which tells equal ones apart.
        lines: The rows of a file, or of a notebook's cell.
        relative: The path as it should enter the name.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for each in diagnostics:
        rows = lines(each.filename, each.cell)
        row = each.span.start.row
        said = "".join(rows[row - 1].split()) if row <= len(rows) else ""
        key = (each.code, relative(each.filename), said)
        seen[key] += 1
        yield hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "replace")).hexdigest()[:32]


def _code_units(text: str) -> Iterator[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return (data[at] | data[at + 1] << 8 for at in range(0, len(data), 2))
