"""Methods of lists, dictionaries, tuples and strings."""

from __future__ import annotations

import ast
from typing import Any

from aelint.semantics.domain.values import MISSING, DictValue, ListValue, Sym, Value, is_constant
from aelint.semantics.interpreter import iteration
from aelint.semantics.interpreter.folding import fold
from aelint.semantics.interpreter.machine import Frame

__all__ = ["distinct", "method"]

_STRING_METHODS = frozenset(
    {
        "lower",
        "upper",
        "strip",
        "startswith",
        "endswith",
        "replace",
        "split",
        "join",
        "format",
        "title",
        "rstrip",
        "lstrip",
    }
)


def method(
    frame: Frame, receiver: Value, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """`receiver.name(*args)` for one of Python's containers."""
    record = frame.called(node, f".{name}", None, args, kwargs, receiver=receiver, method=name)
    match receiver:
        case ListValue():
            record.result = _of_list(frame, receiver, name, args, node)
        case DictValue():
            record.result = _of_dict(frame, receiver, name, args, kwargs, node)
        case str():
            record.result = _of_string(frame, receiver, name, args, node)
        case tuple():
            record.result = _of_tuple(frame, receiver, name, args, node)
    return record.result


def distinct(items: list[Value]) -> list[Value]:
    """What a set of the items holds: each constant once."""
    return list({(one,) if is_constant(one) else id(one): one for one in items}.values())


def _of_list(frame: Frame, receiver: ListValue, name: str, args: tuple[Value, ...], node: ast.AST) -> Value:
    frame.machine.heap.touch(receiver)
    items = receiver.items
    match name, args:
        case (("append" | "add" | "appendleft"), (value,)):
            if receiver.complete or not items:
                receiver.items = [*items, value] if receiver.kind != "set" else distinct([*items, value])
        case "extend" | "update", (value,):
            more, complete = iteration.iterate(frame, value, node)
            receiver.items = [*items, *more] if receiver.kind != "set" else distinct([*items, *more])
            receiver.complete &= complete
        case "insert", (int() as index, value):
            receiver.items = [*items[:index], value, *items[index:]]
        case "pop", () | (int(),):
            index = args[0] if args else -1
            if receiver.complete and -len(items) <= index < len(items):
                value = items[index]
                kept = list(items)
                del kept[index]
                receiver.items = kept
                return value
            receiver.complete = False
            return frame.unknown("item", receiver, node=node)
        case "reverse", ():
            receiver.items = items[::-1]
        case "copy", ():
            return ListValue(list(items), receiver.complete, frame.site(node))
        case "clear", ():
            receiver.items, receiver.complete = [], True
        case "index", (value,) if value in [i for i in items if isinstance(i, (int, str))]:
            return items.index(value)
        case (("sort" | "remove" | "insert" | "popleft" | "discard"), _):
            receiver.complete = False
            return frame.unknown("item", receiver, node=node) if name == "popleft" else None
        case _:
            return frame.unknown("call", receiver, *args, node=node, method=name)
    return None


def _of_dict(
    frame: Frame, receiver: DictValue, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    items = receiver.items
    match name, args:
        case "keys", ():
            return ListValue(list(items), receiver.complete, frame.site(node))
        case "values", ():
            return ListValue(list(items.values()), receiver.complete, frame.site(node))
        case "items", ():
            return ListValue(list(items.items()), receiver.complete, frame.site(node))
        case "get" | "pop" | "setdefault", (str() | int() as key, *default):
            if key in items:
                if name == "pop":
                    frame.machine.heap.touch(receiver)
                    receiver.items = {k: v for k, v in items.items() if k != key}
                return items[key]
            if receiver.complete:
                value = default[0] if default else None
                if name == "setdefault":
                    frame.machine.heap.touch(receiver)
                    receiver.items[key] = value
                return value
        case "update", _:
            frame.machine.heap.touch(receiver)
            for other in args:
                if isinstance(other, DictValue):
                    receiver.items.update(other.items)
                    receiver.complete &= other.complete
                else:
                    receiver.complete = False
            receiver.items.update({k: v for k, v in kwargs.items() if k != "**"})
            return None
        case "copy", ():
            return DictValue(dict(items), receiver.complete, frame.site(node))
        case "clear", ():
            frame.machine.heap.touch(receiver)
            receiver.items = {}
            return None
    return frame.unknown("call", receiver, *args, node=node, method=name)


def _of_string(frame: Frame, receiver: str, name: str, args: tuple[Value, ...], node: ast.AST) -> Value:
    plain: list[Any] = [list(a.items) if isinstance(a, ListValue) and a.complete else a for a in args]
    strings = all(isinstance(a, str) or (isinstance(a, list) and all(isinstance(i, str) for i in a)) for a in plain)
    if name in _STRING_METHODS and strings:
        found = fold(getattr(receiver, name), *plain) if name != "format" or "{" not in receiver else MISSING
        if isinstance(found, list):
            return ListValue(found, site=frame.site(node))
        if found is not MISSING:
            return found
    return Sym("string", (), {}, frame.site(node), kind="object", tensor=False)


def _of_tuple(frame: Frame, receiver: tuple[Value, ...], name: str, args: tuple[Value, ...], node: ast.AST) -> Value:
    match name, args:
        case "index", (value,) if value in [i for i in receiver if isinstance(i, (int, str))]:
            return receiver.index(value)
        case "numel", ():
            from aelint.semantics.interpreter.externals import call_external  # noqa: PLC0415  # torch.Size has this one method

            return call_external(frame, frame.machine.external("math.prod"), (receiver,), {}, node)
        case _:
            return frame.unknown("call", receiver, *args, node=node, method=name)
