"""Writing changed cells back into a notebook without touching another byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aelint.sources.notebook import code_cells

__all__ = ["with_cells"]

DECODER = json.JSONDecoder(strict=False)
SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the document: where it stands, and the places of its parts."""

    start: int
    end: int
    items: tuple[Place, ...] = ()
    members: Mapping[str, Place] | None = None
    string: str | None = None


def with_cells(text: str, changed: Mapping[int, str]) -> str:
    """The notebook `text` with new sources for some code cells (1-based index among the code cells).

    Raises:
        ValueError: The sources stand in the document in a way that cannot be edited.
    """
    sources = _sources(text)
    if len(sources) != len(code_cells(text)):
        raise ValueError("the notebook names a cell's source twice")
    for index in sorted(changed, reverse=True):
        place = sources[index - 1]
        text = text[: place.start] + _written(text, place, changed[index]) + text[place.end :]
    return text


def _sources(text: str) -> list[Place]:
    """Where the source of each code cell stands, in order."""
    document = _value(text, 0).members or {}
    cells = document.get("cells")
    if cells is None and "worksheets" in document and document["worksheets"].items:
        cells = (document["worksheets"].items[0].members or {}).get("cells")
    found = []
    for cell in cells.items if cells else ():
        members = cell.members or {}
        if "cell_type" in members and members["cell_type"].string == "code":
            found.append(members.get("source") or members.get("input") or cell)
    return found


def _written(text: str, place: Place, source: str) -> str:
    """The JSON of a cell's new source, in the style in which the old one was written."""
    raw = text[place.start : place.end]
    plain = raw.isascii()
    if place.string is not None:
        return json.dumps(source, ensure_ascii=plain)
    if place.members is not None:
        raise ValueError("a code cell has no source")
    lines = source.splitlines(keepends=True)
    if len(lines) == len(place.items):
        return _with_lines(text, place, lines, plain=plain)
    if not place.items or not lines:
        return json.dumps(lines, ensure_ascii=plain)
    first = text[place.start + 1 : place.items[0].start]
    last = text[place.items[-1].end : place.end - 1]
    between = text[place.items[0].end : place.items[1].start] if len(place.items) > 1 else f",{first}"
    return f"[{first}{between.join(json.dumps(line, ensure_ascii=plain) for line in lines)}{last}]"


def _with_lines(text: str, place: Place, lines: Sequence[str], *, plain: bool) -> str:
    """As many lines as before: only the strings that changed are written anew."""
    result, at = "", place.start
    for item, line in zip(place.items, lines, strict=True):
        result += text[at : item.start]
        result += text[item.start : item.end] if item.string == line else json.dumps(line, ensure_ascii=plain)
        at = item.end
    return result + text[at : place.end]


def _value(text: str, at: int) -> Place:
    at = _skip(text, at)
    match text[at : at + 1]:
        case '"':
            string, end = _decoded(text, at)
            return Place(at, end, string=string)
        case "[":
            items = tuple(_items(text, at + 1))
            end = items[-1].end if items else at + 1
            return Place(at, _skip(text, end) + 1, items)
        case "{":
            members = dict(_members(text, at + 1))
            end = max((place.end for place in members.values()), default=at + 1)
            return Place(at, _closing(text, end), members=members)
    return Place(at, _decoded(text, at)[1])


def _decoded(text: str, at: int) -> tuple[Any, int]:
    return DECODER.raw_decode(text, at)


def _items(text: str, at: int) -> Iterator[Place]:
    at = _skip(text, at)
    while text[at] != "]":
        item = _value(text, at)
        yield item
        at = _skip(text, item.end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _members(text: str, at: int) -> Iterator[tuple[str, Place]]:
    at = _skip(text, at)
    while text[at] != "}":
        key, at = _decoded(text, at)
        value = _value(text, _skip(text, at) + 1)
        yield key, value
        at = _skip(text, value.end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _closing(text: str, at: int) -> int:
    return text.index("}", _skip(text, at)) + 1


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr]  # the pattern matches the empty text
