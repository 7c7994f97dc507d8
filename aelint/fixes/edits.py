"""Text edits: which of them can be made together, and making them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aelint.diagnostics import Edit, Fix, Position

__all__ = ["apply", "compatible"]


def compatible(fixes: Iterable[Fix]) -> list[Fix]:
    """The fixes, in their order, without those that touch what an earlier one changes; they wait for the next round."""
    chosen: list[Fix] = []
    taken: list[Edit] = []
    for fix in fixes:
        if not any(_touch(edit, other) for edit in fix.edits for other in taken):
            chosen.append(fix)
            taken += fix.edits
    return chosen


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits that do not overlap; positions beyond the end mean the end."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end), reverse=True):
        start, end = (_offset(place, lines, starts) for place in (edit.span.start, edit.span.end))
        text = text[:start] + edit.content + text[end:]
    return text


def _offset(place: Position, lines: Sequence[str], starts: Sequence[int]) -> int:
    row = place.row - 1
    if row >= len(lines):
        return starts[-1] - 1
    return starts[row] + min(place.column - 1, len(lines[row]))


def _touch(one: Edit, other: Edit) -> bool:
    """Whether two edits change, or insert at, a common place."""
    if one.cell != other.cell:
        return False
    if one.span == other.span:
        return True
    return one.span.start < other.span.end and other.span.start < one.span.end
