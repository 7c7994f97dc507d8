"""What every `nn.Module` can do: parameters, sub-modules, mode, device, state."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.semantics.domain.values import DictValue, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter import calls
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.machine import Frame

__all__ = ["METHODS", "children_of", "contains", "each_module", "method", "register", "submodules"]

_SELF = frozenset(
    "to cuda cpu float double half bfloat16 train eval requires_grad_ share_memory type xpu to_empty compile".split()
)
METHODS = _SELF | frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers state_dict "
    "load_state_dict apply zero_grad register_buffer register_parameter add_module register_module get_submodule "
    "register_forward_hook register_forward_pre_hook save_hyperparameters".split()
)


def children_of(module: Value) -> dict[str, Value]:
    """The registered sub-modules of a module, by name."""
    match module:
        case Instance():
            own = {k: v for k, v in module.attrs.items() if is_module(v)}
            return {**own, **children_of(module.base)} if module.base is not None else own
        case Object(children=children, attrs=attrs) if children is not None or attrs:
            # An empty `nn.Module()` gets its parts by assignment.
            return {k: v for k, v in {**attrs, **(children or {})}.items() if is_module(v)}
        case _:
            return {}


def submodules(module: Value) -> list[tuple[str, Value]]:
    """The module and everything registered below it, each once, with dotted names."""
    if isinstance(module, Object) and module.children is None and not module.attrs:
        return [("", module)]
    found: list[tuple[str, Value]] = []
    seen: set[int] = set()

    def visit(name: str, one: Value) -> None:
        if id(one) in seen:
            return
        seen.add(id(one))
        found.append((name, one))
        for child_name, child in children_of(one).items():
            visit(f"{name}.{child_name}" if name else child_name, child)

    visit("", module)
    return found


def each_module(module: Value) -> Iterator[Value]:
    """The modules of `submodules` without their names, for those who look for one and stop there."""
    seen = {id(module)}
    pending = [module]
    while pending:
        one = pending.pop()
        yield one
        fresh = [child for child in children_of(one).values() if id(child) not in seen]
        seen.update(map(id, fresh))
        pending.extend(reversed(fresh))


def contains(module: Value, part: Value) -> bool:
    """Whether `part` is the module or registered somewhere below it."""
    return any(one is part for one in each_module(module))


def method(
    frame: Frame,
    receiver: Instance | Object,
    name: str,
    args: tuple[Value, ...],
    kwargs: dict[str, Value],
    node: ast.AST,
) -> Value:
    """The result of a method that every module inherits; unknown for any other."""
    match name, args:
        case _ if name in _SELF:
            return receiver
        case "modules" | "children" | "named_modules" | "named_children", _:
            return _listing(frame, receiver, name, node)
        case "apply", (function, *_):
            for _, one in submodules(receiver):
                calls.call(frame, function, (one,), {}, node)
            return receiver
        case (("register_buffer" | "register_parameter"), (str() as key, value, *_)):
            _set(frame, receiver, key, value)
            return None
        case (("register_buffer" | "register_parameter"), (str() as key,)):
            _set(frame, receiver, key, kwargs.get("tensor", kwargs.get("param")))
            return None
        case (("add_module" | "register_module" | "__setattr__"), (str() as key, value)):
            _set(frame, receiver, key, value)
            return None
        case (("add_module" | "register_module" | "register_buffer" | "register_parameter" | "__setattr__"), _) if (
            isinstance(receiver, Instance)
        ):
            frame.machine.heap.touch(receiver)
            receiver.open = True
            return None
        case "register_forward_hook", (hook, *_):
            frame.machine.heap.touch(receiver)
            hooks = receiver.attrs.get("#forward_hooks")
            kept = list(hooks.items) if isinstance(hooks, ListValue) else []
            receiver.attrs["#forward_hooks"] = ListValue([*kept, hook])
            return frame.unknown("hook", node=node)
        case "save_hyperparameters", _ if isinstance(receiver, Instance):
            _set(frame, receiver, "hparams", DictValue(dict(receiver.arguments)))
            return None
        case "zero_grad", _:
            return None
        case _:
            return Sym("call", (receiver, *args), {"method": name}, frame.site(node))


def _set(frame: Frame, receiver: Instance | Object, key: str, value: Value) -> None:
    frame.machine.heap.touch(receiver)
    if isinstance(receiver, Object) and receiver.children is not None and is_module(value):
        receiver.children[key] = value
    else:
        register(frame, receiver, key, value)
        receiver.attrs[key] = value
        if isinstance(value, Sym) and not value.name:
            value.name = key


def register(frame: Frame, receiver: Instance | Object, key: str, value: Value) -> None:
    """A module that an attribute of a `Sequential` (or another container) by inheritance holds is one of its children."""
    base = receiver.base if isinstance(receiver, Instance) else None
    if base is not None and base.children is not None and is_module(value):
        frame.machine.heap.touch(base)
        base.children[key] = value


def _listing(frame: Frame, receiver: Instance | Object, name: str, node: ast.AST) -> ListValue:
    found = submodules(receiver) if "modules" in name else list(children_of(receiver).items())
    complete = not (isinstance(receiver, Instance) and (receiver.open or not receiver.cls.fully_known))
    items: list[Value] = list(found) if name.startswith("named") else [one for _, one in found]
    return ListValue(items, complete, frame.site(node))
