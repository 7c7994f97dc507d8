"""Python's built-in functions on values of the domain."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeAlias

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.truth import truth
from aelint.semantics.domain.values import (
    MISSING,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Splice,
    Sym,
    Value,
)
from aelint.semantics.interpreter import attributes, calls, containers, iteration, layers
from aelint.semantics.interpreter.apply import apply_named
from aelint.semantics.interpreter.folding import fold
from aelint.semantics.interpreter.joins import merge
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.interpreter.scopes import Module

__all__ = ["call_builtin"]

Builtin: TypeAlias = Callable[[Frame, tuple[Value, ...], dict[str, Value], ast.AST], Value]


def call_builtin(frame: Frame, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`name(*args, **kwargs)` for a builtin; unknown where it cannot be folded."""
    function = _BUILTINS.get(name) if args or name not in _OF_SOMETHING else None
    if function is not None and not any(isinstance(a, Splice) for a in args):
        return function(frame, args, kwargs, node)
    record = frame.called(node, name, None, args, kwargs)
    attrs = {"callee": frame.machine.external(f"builtins.{name}")}
    record.result = Sym("call", (*args, *kwargs.values()), attrs, frame.site(node))
    return record.result


def _print(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    frame.called(node, "print", None, args, kwargs)


def _len(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (tuple() | str() | range() as sized,):
            return len(sized)
        case (ListValue(complete=True, items=items),):
            return len(items)
        case (DictValue(complete=True, items=entries),):
            return len(entries)
        case (Object(children=children, complete=True),) if children is not None:
            return len(children)
        case (Sym() as value,):
            size = attributes.size_of(value, 0) if value.tensor is not False else MISSING
            return size if size is not MISSING else frame.unknown("len", value, node=node)
        case (Instance() as instance,) if isinstance(method := instance.cls.find("__len__"), Function):
            return calls.call_function(frame, method, (instance,), {}, node)
        case _:
            return Sym("len", args, {}, frame.site(node), kind="size", tensor=False)


def _range(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    known = fold(range, *args) if all(isinstance(a, int) for a in args) else MISSING
    if known is not MISSING:
        return known
    return Sym("range", args, {}, frame.site(node), kind="object", tensor=False)


def _int(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (bool() | int() | float() | str() as number, *_):
            known = fold(int, number)
            return known if known is not MISSING else frame.unknown("int", node=node)
        case (Poly() as size,):
            return size
        case (Sym(op="truediv", inputs=(left, right)),) if isinstance(left, (int, Poly)) and isinstance(
            right, (int, Poly)
        ):
            return dims.floor_divide(left, right) if right != 0 else frame.unknown("int", node=node)
        case (value, *_):
            return Sym("int", (value,), {}, frame.site(node), kind="size", tensor=False)
        case _:
            return 0


def _float(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (bool() | int() | float() | str() as number,):
            known = fold(float, number)
            return known if known is not MISSING else frame.unknown("float", node=node)
        case (value,):
            return Sym("item_value", (value,), {}, frame.site(node), kind="size", tensor=False)
        case _:
            return 0.0


def _extreme(name: str) -> Builtin:
    def extreme(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
        items = list(args)
        if len(args) == 1:
            items, complete = iteration.iterate(frame, args[0], node)
            if not complete:
                return frame.unknown(name, *args, node=node)
        if items and all(isinstance(i, (int, float)) for i in items):
            return max(items) if name == "max" else min(items)
        match items:
            case [Sym(tensor=True) as given, int() | float() as bound] | [
                int() | float() as bound,
                Sym(tensor=True) as given,
            ]:
                bounds = (bound, None) if name == "max" else (None, bound)
                return apply_named(frame, "clamp", (given, *bounds), node)
        of_numbers = all(isinstance(i, (int, float)) or (isinstance(i, Sym) and i.tensor is False) for i in items)
        tensor = False if items and of_numbers else None
        return Sym(name, tuple(items), {}, frame.site(node), kind="size" if len(args) > 1 else None, tensor=tensor)

    return extreme


def _sum(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    from aelint.semantics.interpreter import arithmetic  # noqa: PLC0415  # folds with the same operators as source does

    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if args and start == 0 and isinstance(args[0], Sym) and args[0].tensor and args[0].shape:
        # Python adds up the rows: the first axis is gone.
        return Sym("sum", (args[0],), {"input": args[0], "dim": 0}, frame.site(node), args[0].shape[1:], tensor=True)
    items, complete = iteration.iterate(frame, args[0], node) if args else ([], True)
    total: Value = start
    for item in items:
        total = arithmetic.binary(frame, "Add", total, item, node)
    return total if complete else Sym("sum_of", (total,), {}, frame.site(node))


def _abs(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    return abs(args[0]) if isinstance(args[0], (int, float)) else apply_named(frame, "abs", args, node)


def _round(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    known = fold(round, *args) if all(isinstance(a, (int, float)) for a in args) else MISSING
    if known is not MISSING:
        return known
    return apply_named(frame, "round", args[:1], node)


def _list(kind: str) -> Builtin:
    def build(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
        if not args:
            return () if kind == "tuple" else ListValue([], site=frame.site(node), kind=kind)
        match args[0]:
            case Sym(op="shape" | "param" | "name" | "attr" | "item" | "call") as value if (
                value.op == "shape" or kind == "tuple"
            ):
                return value
        items, complete = iteration.iterate(frame, args[0], node)
        if kind == "tuple" and complete:
            return tuple(items)
        return ListValue(containers.distinct(items) if kind == "set" else items, complete, frame.site(node), kind)

    return build


def _dict(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    result = DictValue({}, site=frame.site(node))
    match args:
        case (DictValue() as other, *_):
            result.items.update(other.items)
            result.complete = other.complete
        case (other, *_):
            items, complete = iteration.iterate(frame, other, node)
            result.complete = complete
            for item in items:
                if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], (str, int)):
                    result.items[item[0]] = item[1]
                else:
                    result.complete = False
    result.items.update({k: v for k, v in kwargs.items() if k != "**"})
    result.complete &= "**" not in kwargs
    return result


def _zip(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    columns = [iteration.iterate(frame, a, node) for a in args]
    shortest = min((len(items) for items, complete in columns if complete), default=None)
    if columns and all(complete for _, complete in columns):
        return ListValue(list(zip(*(items for items, _ in columns), strict=False)), site=frame.site(node))
    count = shortest if shortest is not None else max((len(items) for items, _ in columns), default=0)
    rows = [tuple(items[i] if i < len(items) else items[-1] for items, _ in columns) for i in range(count) if columns]
    return (
        Sym("zip", args, {"rows": rows}, frame.site(node), kind="object", tensor=False)
        if not rows
        else ListValue(rows, complete=False, site=frame.site(node))
    )


def _enumerate(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    items, complete = iteration.iterate(frame, args[0], node) if args else ([], True)
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if complete and isinstance(start, int):
        return ListValue([(start + i, item) for i, item in enumerate(items)], site=frame.site(node))
    counter = Sym("element", (), {}, frame.site(node), kind="size", tensor=False)
    return ListValue([(counter, item) for item in items], complete=False, site=frame.site(node))


def _reversed(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    items, complete = iteration.iterate(frame, args[0], node)
    return ListValue(items[::-1], complete, frame.site(node))


def _sorted(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    items, complete = iteration.iterate(frame, args[0], node)
    alike = all(isinstance(i, (int, float)) for i in items) or all(isinstance(i, str) for i in items)
    if complete and alike and "key" not in kwargs:
        return ListValue(sorted(items, reverse=truth(kwargs.get("reverse", False)) is True), site=frame.site(node))
    # Which of them stands first is not known.
    return ListValue([merge(items)] if items else [], complete=False, site=frame.site(node))


def _map(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    if len(args) < 2:
        return frame.unknown("map", *args, node=node)
    rows = _zip(frame, args[1:], {}, node)
    items = rows.items if isinstance(rows, ListValue) else []
    complete = isinstance(rows, ListValue) and rows.complete
    return ListValue([calls.call(frame, args[0], row, {}, node) for row in items], complete, frame.site(node))


def _isinstance(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    known = layers.is_instance(args[0], args[1]) if len(args) == 2 else None
    if known is not None:
        return known
    return Sym("isinstance", args, {}, frame.site(node), kind="bool", tensor=False)


def _hasattr(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (Instance() as instance, str() as name):
            if name in instance.attrs or instance.cls.find(name) is not MISSING:
                return True
        case (Object() as instance, str() as name):
            if layers.attribute(frame, instance, name, node) not in (MISSING, None):
                return True
    return Sym("hasattr", args, {}, frame.site(node), kind="bool", tensor=False)


def _getattr(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (owner, str() as name):
            return attributes.get(frame, owner, name, node)
        case (Instance() as owner, str() as name, default):
            known = name in owner.attrs or owner.cls.find(name) is not MISSING
            return (
                attributes.get(frame, owner, name, node)
                if known
                else merge([default, frame.unknown("attr", node=node)])
            )
        case (External() | Module() | ClassValue() as owner, str() as name, _):
            return attributes.get(frame, owner, name, node)
        case _:
            return Sym("attr", args, {}, frame.site(node))


def _setattr(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (owner, str() as name, value):
            attributes.put(frame, owner, name, value, node)
        case (Instance() as owner, *_):
            frame.machine.heap.touch(owner)
            owner.open = True


def _type(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (Instance() as instance,):
            return instance.cls
        case (Object() as instance,):
            return frame.machine.external(instance.name)
        case _:
            return frame.unknown("type", *args, node=node)


def _next(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    record = frame.called(node, "next", None, args, kwargs)
    match args[0] if args else None:
        case Sym(op="iter", inputs=(inner,)):
            record.result = iteration.element(frame, inner, node)
        case ListValue(items=items) if items:
            record.result = items[0] if len(items) == 1 else merge(items)
        case Instance() as instance if isinstance(method := instance.cls.find("__next__"), Function):
            record.result = calls.call_function(frame, method, (instance,), {}, node)
        case value:
            record.result = Sym("element", (value,), {}, frame.site(node))
    return record.result


def _iter(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    record = frame.called(node, "iter", None, args, kwargs)
    record.result = Sym("iter", args[:1], {}, frame.site(node), kind="object", tensor=False)
    return record.result


def _quantifier(name: str) -> Builtin:
    def quantify(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
        items, complete = iteration.iterate(frame, args[0], node)
        known = [truth(i) for i in items]
        if name == "any" and True in known:
            return True
        if name == "all" and False in known:
            return False
        if complete and None not in known:
            return name == "all"
        return frame.unknown(name, *args, node=node)

    return quantify


def _bool(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    known = truth(args[0]) if args else False
    return known if known is not None else frame.unknown("bool", *args, node=node)


def _str(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    if len(args) == 1 and isinstance(args[0], (str, int, float, bool)):
        return str(args[0])
    return Sym("string", (), {}, frame.site(node), kind="object", tensor=False)


def _callable(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    match args:
        case (Function() | ClassValue(),):
            return True
        case (None | int() | float() | str() | tuple() | ListValue() | DictValue(),):
            return False
        case _:
            return frame.unknown("callable", *args, node=node)


def _object(frame: Frame, _args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    return frame.unknown("object", node=node)


_OF_SOMETHING = frozenset({"abs", "round", "reversed", "sorted", "any", "all"})

_BUILTINS: dict[str, Builtin] = {
    "print": _print,
    "len": _len,
    "range": _range,
    "int": _int,
    "float": _float,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "sum": _sum,
    "abs": _abs,
    "round": _round,
    "list": _list("list"),
    "tuple": _list("tuple"),
    "set": _list("set"),
    "dict": _dict,
    "zip": _zip,
    "enumerate": _enumerate,
    "reversed": _reversed,
    "sorted": _sorted,
    "map": _map,
    "isinstance": _isinstance,
    "hasattr": _hasattr,
    "getattr": _getattr,
    "setattr": _setattr,
    "type": _type,
    "next": _next,
    "iter": _iter,
    "any": _quantifier("any"),
    "all": _quantifier("all"),
    "bool": _bool,
    "str": _str,
    "callable": _callable,
    "object": _object,
}
