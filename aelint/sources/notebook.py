"""Jupyter notebooks: the code cells, in order, as one unit of Python."""

from __future__ import annotations

import json
from typing import Any

from aelint.sources.decode import UnreadableError
from aelint.sources.magics import mask_magics
from aelint.sources.unit import Origin, SourceUnit
from aelint.syntax.parse import parse, parses

__all__ = ["code_cells", "notebook_units"]


def notebook_units(path: str, text: str) -> tuple[tuple[SourceUnit, ...], tuple[UnreadableError, ...]]:
    """The notebook's program, and the cells that had to be left out of it.

    Raises:
        UnreadableError: The text is not a notebook.
    """
    rows: list[tuple[str, Origin]] = []
    left_out: list[UnreadableError] = []
    for index, source in enumerate(code_cells(text), 1):
        lines, problem = _cell(source, index)
        rows += [(line, Origin(row, cut, index)) for row, (line, cut) in enumerate(lines, 1)]
        if problem is not None:
            left_out.append(problem)
    if not rows:
        return (), tuple(left_out)
    body = "\n".join(line for line, _ in rows) + "\n"
    last = rows[-1][1]
    origins = (*(origin for _, origin in rows), Origin(last.row + 1, 0, last.cell))
    return (SourceUnit(path, body, origins, fragment=True),), tuple(left_out)


def code_cells(text: str) -> list[str]:
    """The source of each code cell; none for a notebook in another language.

    Raises:
        UnreadableError: The text is not a notebook.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        row = getattr(error, "lineno", 1)
        raise UnreadableError(f"the notebook is not valid JSON: {error}", row, getattr(error, "colno", 1)) from error
    if not isinstance(content, dict) or not isinstance(cells := _cells(content), list):
        raise UnreadableError("the file is JSON, but not a notebook: it has no list of cells")
    if _language(content) not in {"python", "ipython", "python3", ""}:
        return []
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_source(cell) for cell in code]


def _cells(content: dict[str, Any]) -> Any:
    if "cells" in content:
        return content["cells"]
    sheets = content.get("worksheets")  # notebook format 3
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
        return sheets[0].get("cells")
    return None


def _language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        entry = metadata.get(key)
        if isinstance(entry, dict) and isinstance(language := entry.get(name), str):
            return language.lower()
    return ""


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source.replace("\r\n", "\n").replace("\r", "\n") if isinstance(source, str) else ""


def _cell(source: str, index: int) -> tuple[list[tuple[str, int]], UnreadableError | None]:
    """The rows of a cell, masked as far as needed: a cell that is no Python must not hide the others."""
    lines = source.split("\n")
    if parses(source):
        return [(line, 0) for line in lines], None
    masked = mask_magics(lines)
    try:
        parse("\n".join(line for line, _ in masked))
    except SyntaxError as error:
        problem = UnreadableError(f"the cell is not Python: {error.msg}", error.lineno or 1, error.offset or 1, index)
        return [("", 0)] * len(lines), problem
    return masked, None
