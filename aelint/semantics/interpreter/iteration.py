"""What a loop runs over: known items, or one item that stands for all."""

from __future__ import annotations

import ast

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Bound, DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter import attributes, calls, loaders
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators import Facts

__all__ = ["counter", "element", "iterate"]


def iterate(frame: Frame, value: Value, node: ast.AST) -> tuple[list[Value], bool]:
    """The items that a loop sees, and whether they are all; never none when there may be more."""
    items, complete = _items(frame, value, node)
    return (items, complete) if items or complete else ([element(frame, value, node)], False)


def _items(frame: Frame, value: Value, node: ast.AST) -> tuple[list[Value], bool]:
    limit = frame.machine.limits.unrolled
    match value:
        case tuple() | str():
            return list(value[:limit]), len(value) <= limit
        case ListValue():
            return list(value.items[:limit]), value.complete and len(value.items) <= limit
        case DictValue():
            return list(value.items), value.complete
        case range():
            if len(value) <= limit:
                return list(value), True
            return [counter(frame, value, node)], False
        case Object(children=children) if children is not None:
            items = list(children) if value.name.endswith("ModuleDict") else list(children.values())
            return items, value.complete
        case Instance(base=Object(children=children) as base) if children is not None and not value.cls.find(
            "__iter__"
        ):
            return list(children.values()), base.complete
        case Sym(op="phi"):
            known = [v for v in alternatives(value) if isinstance(v, (tuple, ListValue, Object, Instance))]
            if known:
                return _items(frame, known[0], node)[0], False
    return [], False


def counter(frame: Frame, numbers: range, node: ast.AST) -> Sym:
    """One number that stands for every one of a range."""
    return Sym("element", (), {"range": numbers}, frame.site(node), kind="size", tensor=False)


def element(frame: Frame, value: Value, node: ast.AST) -> Value:
    """One item of something whose number of items is unknown."""
    match value:
        case Instance():
            for name, args in (("__iter__", ()), ("__getitem__", (Sym("element", (), {}, kind="size", tensor=False),))):
                method = value.cls.find(name)
                if isinstance(method, Function):
                    found = calls.call(frame, Bound(value, method), args, {}, node)
                    if found is value:
                        following = value.cls.find("__next__")
                        if isinstance(following, Function):
                            return calls.call(frame, Bound(value, following), (), {}, node)
                        break
                    return found if name == "__getitem__" else _first(frame, found, node)
            return Sym("element", (value,), {}, frame.site(node))
        case Object():
            return loaders.element(frame, value, node)
        case Sym(op="iter", inputs=(inner, *_)):
            items, _ = iterate(frame, inner, node)
            return items[0] if items else Sym("element", (value,), {}, frame.site(node))
        case ListValue(items=[first, *_]):
            return _another(first)
        case Sym():
            return _row(frame, value, node)
        case _:
            return Sym("element", (value,), {}, frame.site(node))


def _another(item: Value) -> Value:
    # Of an enumerated loader one item is known: the next one is like it, but not the same tensor.
    match item:
        case tuple():
            return tuple(_another(part) for part in item)
        case ListValue():
            return ListValue([_another(part) for part in item.items], item.complete, item.site, item.kind)
        case Sym():
            other = Sym(
                item.op, item.inputs, item.attrs, item.site, item.shape, item.last, item.range, item.kind, item.tensor
            )
            other.name, other.layer = item.name, item.layer
            return other
        case _:
            return item


def _first(frame: Frame, value: Value, node: ast.AST) -> Value:
    items, _ = iterate(frame, value, node) if not isinstance(value, Sym) else ([], False)
    return items[0] if items else Sym("element", (value,), {}, frame.site(node))


def _row(frame: Frame, value: Sym, node: ast.AST) -> Value:
    if value.tensor is True and value.shape:
        facts = Facts(value.shape[1:], (), value.range, value.kind)
        return Sym("element", (value,), {}, frame.site(node), facts.shape, (), facts.range, facts.kind, tensor=True)
    return Sym("element", (value,), {}, frame.site(node))


def unpack(frame: Frame, value: Value, count: int, node: ast.AST) -> list[Value]:
    """`a, b, ... = value` for `count` targets."""
    match value:
        case tuple() | range() | str() if len(value) == count:
            return list(value)
        case ListValue(complete=True) if len(value.items) == count:
            return list(value.items)
        case tuple() | ListValue(complete=True) | Sym(shape=(Poly(), *_)):
            # Python raises for a tuple of another length, and as many samples or steps as targets would be chance:
            # what is unpacked is something else in some other setting.
            return [frame.unknown("item", value, node=node, index=index) for index in range(count)]
        case _:
            return [attributes.item(frame, value, index, node) for index in range(count)]
