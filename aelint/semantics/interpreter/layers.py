"""Layers and containers: building them, applying them, and the methods that every module has."""

from __future__ import annotations

import ast
import collections.abc
import numbers

from aelint.rule import Site
from aelint.semantics.domain import dims
from aelint.semantics.domain.values import (
    MISSING,
    ClassValue,
    DictValue,
    External,
    Instance,
    ListValue,
    Object,
    Splice,
    Sym,
    Value,
)
from aelint.semantics.interpreter import calls, configs, iteration, modules, transforms
from aelint.semantics.interpreter.apply import apply_operation, bind_parameters, syms_in
from aelint.semantics.interpreter.kinds import is_layer_class
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators import REGISTRY
from aelint.semantics.operators.api import to_dim
from aelint.semantics.operators.distributions import parameters_apart
from aelint.syntax.signatures import passes_on

__all__ = [
    "CONTAINERS",
    "attribute",
    "call_object",
    "child",
    "construct",
    "is_instance",
    "module_method",
    "object_method",
    "set_child",
]

CONTAINERS = frozenset(
    f"torch.nn.{n}" for n in ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
)
_PAIR_COUNTS = {"1d": 1, "2d": 2, "3d": 3}


def construct(
    frame: Frame, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST, callee: Value = None
) -> Object:
    """An instance of an external class, recorded as a call."""
    record = frame.called(node, name, callee, args, kwargs)
    made = Object(name, args, kwargs, site=_arguments_at(frame, node))
    spec = REGISTRY.layers.get(name)
    if spec is not None:
        made.bound = bind_parameters(spec.init, "", args, kwargs)
        made.complete = not any(isinstance(a, Splice) for a in args) and "**" not in kwargs
    if name in CONTAINERS:
        made.children = {}
        by_name = (kwargs[key] for key in ("modules", "parameters", "values") if key in kwargs)
        _register(frame, made, args or tuple(by_name), node)
    if name.startswith("torch.distributions."):
        frame.machine.report(parameters_apart(made))
    frame.machine.objects.append(made)
    record.result, record.bound = made, made.bound
    return made


def _arguments_at(frame: Frame, node: ast.AST) -> Site:
    """Where the arguments are written: a function that only passes its own on, `Conv2d(*args, **kwargs)`, chose none."""
    site = frame.site(node)
    for activation in reversed(frame.machine.context.stack):
        if activation.site is None or not passes_on(activation.function.node, site.node):
            break
        site = activation.site
    return site


def _register(frame: Frame, container: Object, args: tuple[Value, ...], node: ast.AST) -> None:
    assert container.children is not None
    given: tuple[Value, ...] = args
    if len(args) == 1 and (isinstance(args[0], (ListValue, DictValue)) or not container.name.endswith("Sequential")):
        match args[0]:
            case DictValue() as entries:
                container.children.update({str(k): v for k, v in entries.items.items()})
                container.complete = entries.complete
                return
            case _:
                items, complete = iteration.iterate(frame, args[0], node)
                named = bool(items) and all(
                    isinstance(i, tuple) and len(i) == 2 and isinstance(i[0], str) for i in items
                )
                container.children.update(dict(items) if named else {str(i): item for i, item in enumerate(items)})
                container.complete = complete
                return
    for arg in given:
        if isinstance(arg, Splice):
            container.complete = False
            for item in arg.items:
                container.children[str(len(container.children))] = item
        else:
            container.children[str(len(container.children))] = arg


def child(frame: Frame, container: Object, index: Value, node: ast.AST) -> Value:
    """`container[index]`."""
    children = container.children or {}
    match index:
        case int() if container.complete and -len(children) <= index < len(children):
            return list(children.values())[index]
        case str() if index in children:
            return children[index]
        case slice(start=start, stop=stop, step=step) if container.complete:
            if all(p is None or isinstance(p, int) for p in (start, stop, step)):
                part = Object(container.name, site=frame.site(node))
                part.children = {str(i): c for i, c in enumerate(list(children.values())[index])}
                return part
    if children and not isinstance(index, slice):
        first = next(iter(children.values()))
        if len(children) == 1 and not isinstance(index, int):
            return first
        from aelint.semantics.interpreter.joins import merge  # noqa: PLC0415  # an unknown index may be any child

        return merge(list(children.values()))
    return Sym("item", (container,), {"index": index}, frame.site(node))


def set_child(container: Object, index: Value, value: Value) -> None:
    """`container[index] = value`."""
    assert container.children is not None
    match index:
        case int():
            keys = list(container.children)
            if -len(keys) <= index < len(keys):
                container.children[keys[index]] = value
        case str():
            container.children[index] = value
        case _:
            container.complete = False


def attribute(frame: Frame, layer: Object, name: str, node: ast.AST) -> Value:
    """A layer's own attribute: a constructor argument, a weight; `MISSING` if it has none of this name."""
    if name in {"weight", "bias"} and layer.name in REGISTRY.layers and REGISTRY.layers[layer.name].stateful:
        if name == "bias" and layer.bound.get("bias") is False:
            return None
        shape = _weight_shape(layer) if name == "weight" else _bias_shape(layer)
        found = Sym("parameter", (), {"layer": layer, "name": name}, frame.site(node), shape, kind="float", tensor=True)
        found.name = name
        layer.attrs[name] = found
        return found
    if name in layer.bound:
        return layer.bound[name]
    if name.startswith(("weight_", "bias_")):
        found = Sym("parameter", (), {"layer": layer, "name": name}, frame.site(node), kind="float", tensor=True)
        layer.attrs[name] = found
        return found
    return MISSING


def _weight_shape(layer: Object) -> tuple[dims.Dim, ...] | None:
    short = layer.class_name
    bound = layer.bound
    match short:
        case "Linear":
            sizes = [to_dim(bound.get("out_features")), to_dim(bound.get("in_features"))]
        case "Embedding":
            sizes = [to_dim(bound.get("num_embeddings")), to_dim(bound.get("embedding_dim"))]
        case _ if short.startswith("Conv"):
            kernel = bound.get("kernel_size")
            count = _PAIR_COUNTS.get(short[-2:], 2)
            kernels = list(kernel) if isinstance(kernel, tuple) else [kernel] * count
            groups = to_dim(bound.get("groups", 1))
            ends = [to_dim(bound.get("out_channels")), to_dim(bound.get("in_channels"))]
            if "Transpose" in short:
                ends.reverse()
            if ends[1] is not None:
                ends[1] = dims.divide(ends[1], groups) if groups is not None else None
            sizes = [*ends, *(to_dim(k) for k in kernels)]
        case _:
            return None
    return tuple(s for s in sizes if s is not None) if all(s is not None for s in sizes) else None


def _bias_shape(layer: Object) -> tuple[dims.Dim, ...] | None:
    size = to_dim(layer.bound.get("out_features", layer.bound.get("out_channels")))
    return (size,) if size is not None else None


def call_object(frame: Frame, layer: Object, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`layer(x)`."""
    if layer.name == "torch.nn.Sequential":
        return _call_sequential(frame, layer, args, node)
    spec = REGISTRY.layers.get(layer.name)
    if spec is not None:
        record = frame.called(node, spec.operation.name, layer, args, kwargs, receiver=layer)
        record.result, record.bound = apply_operation(frame, spec.operation, args, kwargs, node, layer)
        return record.result
    record = frame.called(node, layer.name, layer, args, kwargs, receiver=layer)
    if layer.name.startswith(transforms.PREFIX) and args:
        record.result = transforms.transform(frame, layer, args[0], node)
        return record.result
    record.result = Sym("call", (*syms_in(args), *syms_in(tuple(kwargs.values()))), {"callee": layer}, frame.site(node))
    record.result.layer = layer
    return record.result


def _call_sequential(frame: Frame, layer: Object, args: tuple[Value, ...], node: ast.AST) -> Value:
    record = frame.called(node, "sequential", layer, args, {}, receiver=layer)
    if not layer.complete or layer.children is None:
        record.result = Sym("call", tuple(syms_in(args)), {"callee": layer}, frame.site(node))
        record.result.layer = layer
        record.result.tensor = True
        return record.result
    value: Value = args[0] if args else None
    for one in layer.children.values():
        # The child's own place in the source says more than the place of the call.
        place = (
            one.site.node if isinstance(one, (Object, Instance)) and one.site and one.site.unit is frame.unit else node
        )
        value = calls.call(frame, one, (value,), {}, place)
    record.result = value
    return value


def object_method(
    frame: Frame, receiver: Object, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """`receiver.name(...)` for an instance of an external class."""
    if receiver.children is not None and name in {
        "append",
        "add_module",
        "extend",
        "insert",
        "values",
        "items",
        "keys",
    }:
        return _container_method(frame, receiver, name, args, node)
    if name in {"forward", "__call__"} and is_layer_class(receiver.name):
        return call_object(frame, receiver, args, kwargs, node)
    if is_layer_class(receiver.name) and name in modules.METHODS:
        return module_method(frame, receiver, name, args, kwargs, node)
    if receiver.name == "argparse.ArgumentParser":
        return _parser_method(frame, receiver, name, args, kwargs, node)
    operation = REGISTRY.functions.get(f"{receiver.name}.{name}")
    record = frame.called(node, f"{receiver.name}.{name}", receiver, args, kwargs, receiver=receiver, method=name)
    if operation is not None:
        record.result, record.bound = apply_operation(frame, operation, (receiver, *args), kwargs, node)
        return record.result
    found = syms_in((receiver, args, tuple(kwargs.values())))
    record.result = Sym("call", tuple(found), {"callee": receiver, "method": name}, frame.site(node))
    return record.result


def _parser_method(
    frame: Frame, parser: Object, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    match name:
        case "add_argument":
            configs.add_argument(frame, parser, args, kwargs, node)
            return None
        case "parse_args":
            return configs.parse(frame, parser, node)
        case "parse_known_args":
            return (configs.parse(frame, parser, node), ListValue([], complete=False))
        case "add_argument_group" | "add_mutually_exclusive_group":
            return parser
        case _:
            return frame.unknown("call", parser, *args, node=node, method=name)


def _container_method(frame: Frame, receiver: Object, name: str, args: tuple[Value, ...], node: ast.AST) -> Value:
    frame.called(node, f"{receiver.name}.{name}", receiver, args, {}, receiver=receiver, method=name)
    assert receiver.children is not None
    frame.machine.heap.touch(receiver)
    children = receiver.children
    match name, args:
        case "append", (value,):
            children[str(len(children))] = value
            return receiver
        case "add_module", (str() as key, value):
            children[key] = value
        case "add_module", (_, value):
            children[f"?{len(children)}"] = value
            receiver.complete = receiver.name.endswith("Sequential") and receiver.complete
        case "extend", (values,):
            items, complete = iteration.iterate(frame, values, node)
            for item in items:
                children[str(len(children))] = item
            receiver.complete &= complete
            return receiver
        case "insert", (int() as index, value):
            items = list(children.values())
            items.insert(index, value)
            receiver.children = {str(i): v for i, v in enumerate(items)}
        case "values", ():
            return ListValue(list(children.values()), receiver.complete, frame.site(node))
        case "items", ():
            return ListValue(list(children.items()), receiver.complete, frame.site(node))
        case "keys", ():
            return ListValue(list(children), receiver.complete, frame.site(node))
        case _:
            receiver.complete = False
    return None


def module_method(
    frame: Frame,
    receiver: Instance | Object,
    name: str,
    args: tuple[Value, ...],
    kwargs: dict[str, Value],
    node: ast.AST,
) -> Value:
    """A method that every module inherits, or an unknown one of an instance."""
    record = frame.called(node, f".{name}", receiver, args, kwargs, receiver=receiver, method=name)
    record.result = modules.method(frame, receiver, name, args, kwargs, node)
    return record.result


_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int, "float": float, "str": str, "bool": bool, "tuple": tuple,
}  # fmt: skip


_ABSTRACT = ("collections.abc.", "typing.", "numbers.", "collections.Iterable", "collections.Sequence")
"""Classes that values of other types count as instances of."""


def _is_abstract(value: Value, name: str) -> bool | None:
    kind = getattr(collections.abc, name, None) or getattr(numbers, name, None)
    match value:
        case ListValue(kind="list" | "repeated"):
            sample: object = []
        case DictValue():
            sample = {}
        case None | bool() | int() | float() | str() | bytes() | tuple():
            sample = value
        case _:
            return None
    return isinstance(sample, kind) if isinstance(kind, type) else None


def is_instance(value: Value, kind: Value) -> bool | None:
    """`isinstance(value, kind)` where it is known."""
    if isinstance(kind, tuple):
        found = [is_instance(value, k) for k in kind]
        return True if True in found else (None if None in found else False)
    match kind:
        case Sym(op=op, inputs=(left, right)) if op in {"or", "bitor", "bitwise_or"}:
            return is_instance(value, (left, right))  # nn.Conv2d | nn.Linear
        case External(name=name) if name.startswith("builtins."):
            return _is_python(value, name[9:])
        case External(name=name) if name in {"torch.Tensor", "torch.FloatTensor"}:
            if isinstance(value, Sym):
                return True if value.tensor is True else None
            return False
        case External(name="torch.nn.Parameter" | "torch.nn.parameter.Parameter") if isinstance(
            value, (Instance, Object)
        ):
            return False
        case External(name=name) if name.startswith(_ABSTRACT):
            return _is_abstract(value, name.rpartition(".")[2])
        case External(name=name):
            return _is_external(value, name)
        case ClassValue():
            if isinstance(value, Instance):
                return kind in value.cls.mro() or (None if not value.cls.fully_known else False)
            return False if isinstance(value, (Object, int, float, str, tuple, ListValue)) or value is None else None
        case _:
            return None


def _is_python(value: Value, name: str) -> bool | None:
    match value, name:
        case Sym(), _:
            return False if value.tensor is True else None
        case ListValue(kind="list"), "list":
            return True
        case DictValue(), "dict":
            return True
        case dims.Poly(), "int":
            return True
        case _, "list" | "dict" | "set":
            return False
        case _ if name in _PYTHON_TYPES:
            return isinstance(value, _PYTHON_TYPES[name])
        case _:
            return None


def _is_external(value: Value, name: str) -> bool | None:
    match value:
        case Object():
            if name in {value.name, "torch.nn.Module"}:
                return True
            known = is_layer_class(value.name) and is_layer_class(name)
            return False if known and not name.rsplit(".", 1)[-1].startswith("_") else None
        case Instance():
            if name in value.cls.external_bases():
                return True
            return False if value.cls.fully_known and is_layer_class(name) and name != "torch.nn.Module" else None
        case tuple() if name == "torch.Size":
            return None  # sizes and plain tuples look alike here
        case None | int() | float() | str() | tuple() | ListValue() | DictValue():
            return False
        case _:
            return None
