"""One file's bytes and the fixes for it -> new bytes that are still Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from aelint.diagnostics import Applicability, Diagnostic, Edit, Fix
from aelint.fixes.edits import apply, compatible
from aelint.fixes.notebook import with_cells
from aelint.sources.decode import UnreadableError
from aelint.sources.load import Kind, Source, load
from aelint.sources.notebook import code_cells
from aelint.syntax.parse import parses

__all__ = ["fixable", "fixed"]


def fixable(diagnostics: Sequence[Diagnostic], *, unsafe: bool) -> list[Diagnostic]:
    """The diagnostics whose fix may be applied."""
    allowed = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    return [each for each in diagnostics if each.fix and each.fix.edits and each.fix.applicability in allowed]


def fixed(path: str, data: bytes, diagnostics: Sequence[Diagnostic]) -> tuple[bytes, list[Diagnostic]]:
    """The new content of the file at `path`, and the diagnostics whose fixes are in it.

    Fixes that touch each other wait for the next round. A fix after which a unit of the file does not parse
    any more is left out: the others are tried one after the other.
    """
    by_fix = {id(each.fix): each for each in diagnostics}
    fixes = compatible(each.fix for each in diagnostics if each.fix is not None)
    source = load(path, data)
    together = _attempt(source, fixes)
    if together is not None:
        return together, [by_fix[id(fix)] for fix in fixes]
    kept: list[Fix] = []
    best = data
    for fix in fixes:
        attempt = _attempt(source, [*kept, fix])
        if attempt is not None:
            kept.append(fix)
            best = attempt
    return best, [by_fix[id(fix)] for fix in kept]


def _attempt(source: Source, fixes: Sequence[Fix]) -> bytes | None:
    """The bytes after the fixes; None if they break the file."""
    edits = [edit for fix in fixes for edit in fix.edits]
    try:
        text = _edited(source, edits)
        data = source.decoded.encode(text)
        after = load(source.path, data)
    except (UnreadableError, ValueError, RecursionError):
        return None
    return data if _sound(source, after) else None


def _edited(source: Source, edits: Sequence[Edit]) -> str:
    if source.kind is not Kind.NOTEBOOK:
        return apply(source.decoded.text, edits)
    by_cell: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_cell[edit.cell or 1].append(edit)
    cells = code_cells(source.decoded.text)
    return with_cells(source.decoded.text, {cell: apply(cells[cell - 1], own) for cell, own in by_cell.items()})


def _sound(before: Source, after: Source) -> bool:
    """Whether every unit that was Python still is."""
    if len(after.units) != len(before.units) or len(after.left_out) > len(before.left_out):
        return False
    return all(parses(new.text) or not parses(old.text) for old, new in zip(before.units, after.units, strict=True))
