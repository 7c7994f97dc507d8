"""Reading and setting attributes and items."""

from __future__ import annotations

import ast
import builtins
import math
import operator

from aelint.semantics.domain import dims
from aelint.semantics.domain.trace import MissingAttribute, Store
from aelint.semantics.domain.values import (
    MISSING,
    Bound,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Partial,
    Sym,
    Value,
)
from aelint.semantics.interpreter import calls, imports, layers, loaders, modules
from aelint.semantics.interpreter.apply import apply_named, apply_operation
from aelint.semantics.interpreter.float_limits import float_limit
from aelint.semantics.interpreter.joins import MAX_ALTERNATIVES, alternatives, merge
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.interpreter.scopes import Module
from aelint.semantics.interpreter.writes import replace, write
from aelint.semantics.operators import REGISTRY
from aelint.semantics.operators.api import WEIGHTS, facts_of
from aelint.semantics.operators.recurrent import packed_before
from aelint.syntax.names import is_own_attribute

__all__ = ["builtin", "get", "item", "put", "set_item", "size_of"]

_BUILTINS = frozenset(dir(builtins))
_CONSTANTS = {f"{module}.{name}": getattr(math, name) for module in ("math", "numpy", "torch") for name in ("pi", "e")}
_TENSOR_VIEWS = {"T": "t", "mT": "mT", "H": "t", "data": "detach", "real": "real", "grad": "grad"}


def builtin(frame: Frame, name: str) -> Value:
    """Python's own names, `MISSING` for any other."""
    return frame.machine.external(f"builtins.{name}") if name in _BUILTINS else MISSING


def get(frame: Frame, value: Value, name: str, node: ast.AST, *, calling: bool = False) -> Value:
    """`value.name`; `calling` says that the attribute is about to be called."""
    match value:
        case Sym(op="phi"):
            found = [get(frame, v, name, node, calling=calling) for v in alternatives(value) if v is not None]
            return (
                _read_once(frame, value, name, found)
                if found and not calling
                else _first_callable(frame, value, found, name)
            )
        case Sym():
            return Bound(value, name) if calling else _of_sym(frame, value, name, node)
        case Module():
            return imports.member(frame, value, name, node)
        case External():
            qualified = f"{value.name}.{name}"
            return _CONSTANTS[qualified] if qualified in _CONSTANTS else frame.machine.external(qualified)
        case Instance():
            return _of_instance(frame, value, name, node, calling=calling)
        case Object():
            return _of_object(frame, value, name, node, calling=calling)
        case ClassValue():
            return _of_class(frame, value, name, node)
        case calls.Super():
            return _of_super(value, name)
        case DictValue() if not calling and name in value.items and value.site is None:
            return value.items[name]
        case (Sym() as values, Sym() as indices) if name in {"values", "indices"} and not calling:
            # What `topk`, `sort`, `max(dim=...)` and their like give is a named tuple.
            return values if name == "values" else indices
        case Function() | Bound() | Partial() if not calling:
            return frame.unknown("attr", value, node=node, name=name)
        case _:
            return Bound(value, name)


def _read_once(frame: Frame, joined: Sym, name: str, found: list[Value]) -> Value:
    """An attribute of one of several objects: two reads are the same value, as long as none of them was set anew."""
    before, known = frame.machine.read.get((joined.id, name), ([], None))
    if len(before) == len(found) and all(map(operator.is_, before, found)):
        return known
    merged = merge(found)
    frame.machine.read[joined.id, name] = (found, merged)
    return merged


def _first_callable(frame: Frame, joined: Sym, found: list[Value], name: str) -> Value:
    if all(isinstance(f, Bound) and isinstance(f.method, str) and isinstance(f.receiver, Sym) for f in found):
        return Bound(joined, name)
    return merge(found) if found else frame.unknown("attr", joined, name=name)


def _of_sym(frame: Frame, value: Sym, name: str, node: ast.AST) -> Value:
    match name:
        case "shape":
            return (
                value.shape if value.shape is not None else Sym("shape", (value,), {}, frame.site(node), tensor=False)
            )
        case "ndim":
            return len(value.shape) if value.shape is not None else frame.unknown("ndim", value, node=node)
        case "T" | "mT" if value.tensor is True:
            return apply_operation(frame, REGISTRY.methods[name], (value,), {}, node)[0]
        case "data" if value.tensor is None and packed_before(value) is not None:
            # The steps of a packed sequence, with their gradients.
            return _of_unknown(frame, value, name, node)
        case "T" | "mT" | "H" | "data" | "real" if value.tensor is not False:
            return apply_named(frame, _TENSOR_VIEWS[name], (value,), node)
        case "device" | "dtype" | "is_cuda" | "requires_grad" | "grad_fn" | "names":
            return Sym(name, (value,), {}, frame.site(node), kind="object", tensor=False)
        case _:
            stored = value.attrs.get(f".{name}", MISSING)
            if stored is MISSING and (limit := float_limit(value, name)) is not None:
                return limit
            return _of_unknown(frame, value, name, node)


def _of_unknown(frame: Frame, value: Sym, name: str, node: ast.AST) -> Value:
    """What was set, or a value of its own: two reads of one attribute of an unknown object are the same value."""
    if f".{name}" not in value.attrs:
        value.attrs[f".{name}"] = Sym("attr", (value,), {"name": name}, frame.site(node), name=name)
    return value.attrs[f".{name}"]


def _of_instance(frame: Frame, value: Instance, name: str, node: ast.AST, *, calling: bool) -> Value:
    if name in value.attrs:
        return value.attrs[name]
    member = value.cls.find(name)
    if member is not MISSING:
        return _bind(frame, value, member, node)
    if name == "__class__":
        return value.cls
    if value.base is not None:
        inherited = _of_object(frame, value.base, name, node, calling=calling)
        return Bound(value, name) if isinstance(inherited, Bound) else inherited
    getter = value.cls.find("__getattr__")
    if calling:
        return Bound(value, name)
    if _is_unwrapping(name, node):
        return value
    if getter is MISSING and not value.open and value.cls.fully_known and not name.startswith("__"):
        machine = frame.machine
        machine.record(MissingAttribute(frame.site(node), machine.context, machine.tick(), value, name))
    result = Sym("attr", (value,), {"name": name}, frame.site(node), name=name)
    if getter is MISSING:
        frame.machine.heap.touch(value)
        value.attrs[name] = result
    return result


def _is_unwrapping(name: str, node: ast.AST) -> bool:
    """Whether a network is taken out of what lets it run on several devices, which hands its calls on."""
    return name == "module" and not is_own_attribute(node)


def _bind(frame: Frame, value: Instance, member: Value, node: ast.AST) -> Value:
    match member:
        case Function(decorators=decorators):
            if "staticmethod" in decorators:
                return member
            if "classmethod" in decorators:
                return Bound(value.cls, member)
            if any(d in {"property", "functools.cached_property", "cached_property"} for d in decorators):
                return calls.call_function(frame, member, (value,), {}, node)
            return Bound(value, member)
        case _:
            return member


def _of_class(frame: Frame, value: ClassValue, name: str, node: ast.AST) -> Value:
    member = value.find(name)
    match member:
        case Function(decorators=decorators) if "classmethod" in decorators:
            return Bound(value, member)
        case _ if member is not MISSING:
            return member
        case _ if name == "__name__":
            return value.name
        case _:
            return Sym("attr", (value,), {"name": name}, frame.site(node), name=name)


def _of_super(value: calls.Super, name: str) -> Value:
    order = value.instance.cls.mro() if isinstance(value.instance, Instance) else value.owner.mro()
    after = order[order.index(value.owner) + 1 :] if value.owner in order else []
    for cls in after:
        if name in cls.namespace:
            member = cls.namespace[name]
            return Bound(value.instance, member) if isinstance(member, Function) else member
    return Bound(value, name)


def _of_object(frame: Frame, value: Object, name: str, node: ast.AST, *, calling: bool) -> Value:
    if name in value.attrs:
        return value.attrs[name]
    if value.children is not None and name in value.children:
        return value.children[name]
    if not calling and _is_unwrapping(name, node) and value.name in REGISTRY.layers:
        return value
    if not calling and not (name == "forward" and value.name in REGISTRY.layers):
        found = layers.attribute(frame, value, name, node)
        if found is not MISSING:
            return found
        operation = REGISTRY.functions.get(f"{value.name}.{name}")
        if operation is not None:
            return apply_operation(frame, operation, (value,), {}, node)[0]
        result = loaders.attribute(frame, value, name, node) or Sym(
            "attr", (value,), {"name": name}, frame.site(node), name=name
        )
        value.attrs[name] = result
        return result
    return Bound(value, name)


def put(frame: Frame, target: Value, name: str, value: Value, node: ast.AST) -> None:
    """`target.name = value`."""
    machine = frame.machine
    machine.record(Store(frame.site(node), machine.context, machine.tick(), target, name, value))
    match target:
        case Instance() if (setter := target.cls.setter(name)) is not None:
            calls.call_function(frame, setter, (target, value), {}, node)
            return
        case Instance() | Object():
            if isinstance(target, Object) and name in target.bound and name not in WEIGHTS:
                # What a branch that does not set it leaves: `criterion.reduction = "none"` in the other one only.
                target.attrs.setdefault(name, target.bound[name])
            machine.heap.touch(target)
            target.attrs[name] = value
            modules.register(frame, target, name, value)
            if isinstance(target, Object) and target.children is not None and name in target.children:
                target.children[name] = value
        case Sym():
            if target.op != "namespace":
                _of_unknown(frame, target, name, node)  # what a branch that does not set it leaves
            machine.heap.touch(target)
            target.attrs[f".{name}"] = value
        case ClassValue():
            target.namespace[name] = value
        case Module():
            machine.heap.touch(target.scope)
            target.scope.names[name] = value
        case DictValue() if target.site is None:
            machine.heap.touch(target)
            target.items[name] = value
    if isinstance(value, Sym) and not value.name:
        value.name = name


def size_of(value: Sym, axis: int) -> Value:
    """The size of one axis: known, or an unknown that is the same each time it is asked for."""
    if value.shape is not None:
        return value.shape[axis] if -len(value.shape) <= axis < len(value.shape) else MISSING
    if axis < 0 and -axis <= len(value.last):
        return value.last[axis]
    return dims.atom((value.id, axis), f"{value.name or 'tensor'}.size({axis})", batch=axis == 0)


def item(frame: Frame, value: Value, index: Value, node: ast.AST) -> Value:
    """`value[index]`."""
    match value, index:
        case Sym(op="phi"), _ if not value.tensor:
            # Which of them it is may hang together with what leads here: `loss, _ = self.loss_fn(...)` of one kind only.
            return _of_alternatives(frame, value, index, node)
        case Sym(op="shape", inputs=(tensor,)), int() if isinstance(tensor, Sym):
            return size_of(tensor, index)
        case ((tuple() | ListValue() | str()), (int() | slice())):
            return _of_sequence(frame, value, index, node)
        case DictValue(), (str() | int() | bool() | None):
            if index in value.items:
                return value.items[index]
            return frame.unknown("item", value, node=node, index=index)
        case DictValue(complete=True, items=entries), (Sym() | External()) if _is_menu(entries):
            return merge(list(entries.values()))
        case Instance(), _:
            getter = value.cls.find("__getitem__")
            if isinstance(getter, Function):
                return calls.call(frame, Bound(value, getter), (index,), {}, node)
            if value.base is not None:
                return item(frame, value.base, index, node)
            if isinstance(index, str) and index in value.attrs:
                return value.attrs[index]
        case Object(), _ if value.children is not None:
            return layers.child(frame, value, index, node)
        case Object(), _ if (
            not isinstance(index, slice) and (one := loaders.sample(frame, value, node, index)) is not None
        ):
            return one
        case Sym(), _ if value.tensor is not False and _indexes_tensor(value, index):
            return apply_named(frame, "getitem", (value, index), node)
        case ((External() | ClassValue() | Function()), _):
            return value  # List[int], Generic[T]
    result = Sym("item", (value,), {"index": index}, frame.site(node))
    if isinstance(index, str):
        result.name = index
    if isinstance(value, Sym) and isinstance(index, (str, int)):
        # Two reads of one item of an unknown container are the same value.
        return value.attrs.setdefault(f"[{index!r}]", result)
    return _picked(frame, value, index, result) if isinstance(value, ListValue) and isinstance(index, Sym) else result


def _is_menu(entries: dict[Value, Value]) -> bool:
    """Whether a dictionary lists networks, classes or functions for an option to choose from: `MODELS[args.model]`."""
    return 0 < len(entries) <= MAX_ALTERNATIVES and all(
        isinstance(v, (ClassValue, Function, Instance, Partial)) for v in entries.values()
    )


def _of_alternatives(frame: Frame, value: Sym, index: Value, node: ast.AST) -> Value:
    """The item of whichever it is; the same each time, as long as one of several tensors is meant, which do not change."""
    known = frame.machine.chosen.get((value.id, index.id)) if isinstance(index, Sym) else None
    if known is not None:
        return known
    given = [v for v in alternatives(value) if v is not None]
    with frame.machine.guessing():
        found = merge([item(frame, v, index, node) for v in given])
    if isinstance(index, Sym) and all(isinstance(v, Sym) for v in given):
        frame.machine.chosen[value.id, index.id] = found
    return found


def _picked(frame: Frame, value: ListValue, index: Sym, result: Sym) -> Sym:
    """What `value[index]` gave when it was asked before, unless the list holds something else by now."""
    known, items, before = frame.machine.picked.get((id(value), index.id), (None, [], result))
    if known is value and len(items) == len(value.items) and all(map(operator.is_, items, value.items)):
        return before
    frame.machine.picked[id(value), index.id] = (value, list(value.items), result)
    return result


def _indexes_tensor(value: Sym, index: Value) -> bool:
    return value.tensor is True or value.shape is not None or not isinstance(index, (int, str))


def _of_sequence(frame: Frame, value: tuple[Value, ...] | ListValue | str, index: int | slice, node: ast.AST) -> Value:
    items = value.items if isinstance(value, ListValue) else value
    complete = value.complete if isinstance(value, ListValue) else True
    if isinstance(index, int):
        if not complete and not 0 <= index < len(items):
            # Like those that are known, or not: `blocks[5]` of a list of which two were looked at.
            other = frame.unknown("item", value, node=node, index=index)
            return merge([*items, other]) if items else other
        return (
            items[index] if -len(items) <= index < len(items) else frame.unknown("item", value, node=node, index=index)
        )
    parts = (index.start, index.stop, index.step)
    if not all(p is None or isinstance(p, int) for p in parts) or 0 in parts[2:]:
        if isinstance(value, ListValue):
            return ListValue(list(value.items), complete=False, site=frame.site(node))
        return frame.unknown("item", value, node=node)
    chosen = items[index]
    if isinstance(value, ListValue):
        return ListValue(list(chosen), complete, frame.site(node))
    return chosen


def set_item(frame: Frame, target: Value, index: Value, value: Value, node: ast.AST) -> Value:
    """`target[index] = value`; the value that `target` stands for afterwards."""
    machine = frame.machine
    machine.record(Store(frame.site(node), machine.context, machine.tick(), target, "", value, index))
    match target, index:
        case DictValue(), (str() | int() | bool() | None):
            machine.heap.touch(target)
            target.items[index] = value
        case DictValue(), _:
            machine.heap.touch(target)
            target.complete = False
        case ListValue(kind="repeated", complete=False), _:
            # `[None] * n`: one item stands for all of an unknown number, and which of them changed is lost.
            machine.heap.touch(target)
            target.items = [merge([*target.items, value, frame.unknown("item", target, node=node)])]
        case ListValue(), int() if -len(target.items) <= index < len(target.items):
            machine.heap.touch(target)
            target.items[index] = value
        case ListValue(), _:
            machine.heap.touch(target)
            target.complete = False
            if not isinstance(index, int):
                # Any of the items may be the one that changed.
                new = frame.unknown("item", value, node=node) if isinstance(index, slice) else value
                target.items = [merge([item, new]) for item in target.items]
        case Instance(), _ if isinstance(target.cls.find("__setitem__"), Function):
            calls.call(frame, Bound(target, target.cls.find("__setitem__")), (index, value), {}, node)
        case Object(), _ if target.children is not None:
            machine.heap.touch(target)
            layers.set_child(target, index, value)
        case Sym(), _:
            changed = Sym("setitem", (target, value), {"index": index}, frame.site(node), target.shape, target.last)
            changed.kind, changed.tensor, changed.name = target.kind, target.tensor, target.name
            changed.names = set(target.names)
            write(frame, target, facts_of(value).range)
            replace(frame, target, changed)
            return changed
    return target
