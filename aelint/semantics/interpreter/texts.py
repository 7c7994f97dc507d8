"""Settings that a program holds as text: `json.loads(TEXT)`, and the plain part of `yaml.safe_load(TEXT)`."""

from __future__ import annotations

import ast
import json
import re

from aelint.semantics.domain.values import DictValue, ListValue, Value
from aelint.semantics.interpreter.machine import Frame

__all__ = ["load_json", "load_yaml"]

_ENTRY = re.compile(r"(?P<key>[A-Za-z_][\w.-]*):(?:\s+(?P<value>.+))?$")
_COMMENT = re.compile(r"(^|\s)#.*$")
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)$")
_REAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]\d+)?$")
_PLAIN = re.compile(r"[A-Za-z_./][\w ./-]*$")
_QUOTED = re.compile(r"""(["'])[^"'\\]*\1$""")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_Lines = list[tuple[int, str]]


def load_json(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`json.loads(text)`."""
    if len(args) == 1 and isinstance(args[0], str) and not kwargs:
        try:
            return _value(frame, json.loads(args[0]), node)
        except ValueError:
            pass
    return frame.unknown("call", *args, node=node)


def load_yaml(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`yaml.safe_load(text)`, of mappings of plain values; what is written in another way stays unknown."""
    if args and isinstance(args[0], str):
        try:
            return _value(frame, _mapping(_lines(args[0])), node)
        except ValueError:
            pass
    return frame.unknown("call", *args, *kwargs.values(), node=node)


def _value(frame: Frame, read: object, node: ast.AST) -> Value:
    match read:
        case dict():
            return DictValue({key: _value(frame, one, node) for key, one in read.items()}, site=frame.site(node))
        case list():
            return ListValue([_value(frame, one, node) for one in read], site=frame.site(node))
        case str() | int() | float() | None:
            return read
        case _:
            raise ValueError(read)


def _lines(text: str) -> _Lines:
    """The lines that say something, each with its indent."""
    bare = [_COMMENT.sub("", line).rstrip() for line in text.splitlines()]
    return [(len(line) - len(line.lstrip()), line.strip()) for line in bare if line.strip()]


def _mapping(lines: _Lines) -> dict[str, object]:
    """What a block of entries of one indent stands for."""
    found: dict[str, object] = {}
    while lines:
        indent, text = lines[0]
        match = _ENTRY.match(text)
        below = next((i for i, (depth, _) in enumerate(lines[1:], 1) if depth <= indent), len(lines))
        if match is None or lines[min(below, len(lines) - 1)][0] < indent:
            raise ValueError(text)
        nested = lines[1:below]
        if (match["value"] is not None) == bool(nested):
            raise ValueError(text)
        found[match["key"]] = _scalar(match["value"]) if not nested else _nested(nested)
        lines = lines[below:]
    return found


def _nested(lines: _Lines) -> object:
    if all(depth == lines[0][0] and text.startswith("- ") for depth, text in lines):
        return [_scalar(text[2:].strip()) for _, text in lines]
    return _mapping(lines)


def _scalar(text: str) -> object:
    """A number, a word or a string, as YAML 1.1 reads it: `1e-3` is no number there."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.match(text):
        return int(text)
    if _REAL.match(text):
        return float(text)
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    if _QUOTED.match(text):
        return text[1:-1]
    if _PLAIN.match(text) and text.lower() not in {"yes", "no", "on", "off", "y", "n"}:
        return text
    raise ValueError(text)
