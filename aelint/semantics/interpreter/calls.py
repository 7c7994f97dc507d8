"""Calls: functions of the project are entered, classes instantiated, external callables applied."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from aelint.semantics.domain import dims
from aelint.semantics.domain.trace import Return
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
    Splice,
    Sym,
    Value,
    is_constant,
)
from aelint.semantics.interpreter import attributes, classes, containers, externals, layers, numpy_arrays, statements
from aelint.semantics.interpreter.apply import apply_operation
from aelint.semantics.interpreter.joins import alternatives, merge
from aelint.semantics.interpreter.machine import Flow, Frame
from aelint.semantics.interpreter.plain_numbers import gives_number
from aelint.semantics.interpreter.scopes import Scope
from aelint.semantics.interpreter.skeletons import is_skeleton
from aelint.semantics.interpreter.writes import hand_back
from aelint.semantics.operators import REGISTRY
from aelint.syntax.signatures import FunctionNode, defaults, positional
from aelint.syntax.walk import once_per_node, own_nodes

__all__ = ["Super", "call", "call_function", "defaults_of", "super_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()`: look-ups start behind `owner` in the instance's ancestry."""

    instance: Value
    owner: ClassValue


def call(frame: Frame, callee: Value, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """The result of `callee(*args, **kwargs)`, recorded in the trace."""
    match callee:
        case Function():
            return _recorded(frame, callee, args, kwargs, node, callee.name)
        case Bound(receiver=receiver, method=Function() as function):
            return _recorded(frame, function, (receiver, *args), kwargs, node, function.name, receiver=receiver)
        case Bound(receiver=receiver, method=str() as name):
            return _external_method(frame, receiver, name, args, kwargs, node)
        case ClassValue():
            return classes.instantiate(frame, callee, args, kwargs, node)
        case Instance():
            return _call_instance(frame, callee, args, kwargs, node)
        case Object():
            replaced = _replaced_forward(callee)
            if replaced is not None:
                return call(frame, replaced, args, kwargs, node)
            result = layers.call_object(frame, callee, args, kwargs, node)
            _run_hooks(frame, callee, args, result, node)
            return result
        case Partial():
            return call(frame, callee.function, (*callee.args, *args), {**callee.kwargs, **kwargs}, node)
        case External():
            return externals.call_external(frame, callee, args, kwargs, node)
        case Sym(op="phi"):
            candidates = [c for c in alternatives(callee) if c is not None and not is_constant(c)]
            if len(candidates) == 1:
                return call(frame, candidates[0], args, kwargs, node)
            with frame.machine.guessing():
                found = [call(frame, c, args, kwargs, node) for c in candidates]
            return merge(found) if found else frame.unknown("call", callee, *args, node=node)
        case _:
            return _unknown_call(frame, callee, args, kwargs, node)


def _unknown_call(
    frame: Frame, callee: Value, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    name = callee.name if isinstance(callee, Sym) else ""
    record = frame.called(node, name or "call", callee, args, kwargs)
    record.result = Sym("call", (callee, *args, *kwargs.values()), {"callee": callee}, frame.site(node))
    return record.result


def _recorded(
    frame: Frame,
    function: Function,
    args: tuple[Value, ...],
    kwargs: dict[str, Value],
    node: ast.AST,
    name: str,
    *,
    receiver: Value = None,
) -> Value:
    record = frame.called(
        node, name, function, args, kwargs, receiver=receiver, method=name if receiver is not None else ""
    )
    record.result = call_function(frame, function, args, kwargs, node)
    return record.result


def _external_method(
    frame: Frame, receiver: Value, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    match receiver:
        case Sym():
            return _tensor_method(frame, receiver, name, args, kwargs, node)
        case Instance():
            return layers.module_method(frame, receiver, name, args, kwargs, node)
        case Object():
            return layers.object_method(frame, receiver, name, args, kwargs, node)
        case Super():
            return classes.external_super(frame, receiver, name, args, kwargs, node)
        case ListValue() | DictValue() | str() | tuple():
            return containers.method(frame, receiver, name, args, kwargs, node)
        case _:
            record = frame.called(node, f".{name}", None, args, kwargs, receiver=receiver, method=name)
            record.result = frame.unknown("call", receiver, *args, node=node, method=name)
            return record.result


def _tensor_method(
    frame: Frame, receiver: Sym, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    special = _size_method(receiver, name, args)
    if special is not MISSING:
        return special
    inplace = name.endswith("_") and not name.endswith("__")
    if name in {"min", "max"} and "axis" in kwargs and receiver.tensor is not True:
        name = f"a{name}"  # numpy's word for the axis: an array gives the smallest values without their places
    operation = REGISTRY.methods.get(name) or (REGISTRY.methods.get(name[:-1]) if inplace else None)
    record = frame.called(
        node, operation.name if operation else f".{name}", None, args, kwargs, receiver=receiver, method=name
    )
    if operation is None or receiver.tensor is False:
        shuffled = externals.permutation(frame, args, node) if name == "permutation" else MISSING
        shape = numpy_arrays.drawn_shape(name, args, kwargs, receiver) or numpy_arrays.kept_shape(name, receiver)
        tensor = False if gives_number(name, args, receiver) else None
        given = (receiver, *args, *kwargs.values())
        unknown = Sym("call", given, {"method": name}, frame.site(node), shape, tensor=tensor)
        record.result = unknown if shuffled is MISSING else shuffled
        return record.result
    record.result, record.bound = apply_operation(frame, operation, (receiver, *args), kwargs, node)
    return record.result


def _size_method(receiver: Sym, name: str, args: tuple[Value, ...]) -> Value:
    match name, args:
        case "size", (int() as axis,):
            return attributes.size_of(receiver, axis)
        case "size", () if receiver.shape is not None:
            return receiver.shape
        case "size", ():
            return Sym("shape", (receiver,), {}, receiver.site, tensor=False)
        case (("numel" | "nelement"), ()) if receiver.shape is not None:
            return dims.product(receiver.shape)
        case (("dim" | "ndimension"), ()) if receiver.shape is not None:
            return len(receiver.shape)
        case _:
            return MISSING


def _call_instance(
    frame: Frame, callee: Instance, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    replaced = _replaced_forward(callee)
    if replaced is not None and not isinstance(callee.cls.find("__call__"), Function):
        record = frame.called(node, "network", callee, args, kwargs, receiver=callee, method="forward")
        record.result = call(frame, replaced, args, kwargs, node)
        _run_hooks(frame, callee, args, record.result, node)
        return record.result
    for name in ("__call__", "forward"):
        method = callee.cls.find(name)
        if isinstance(method, Function):
            record = frame.called(node, "network", callee, args, kwargs, receiver=callee, method=name)
            given = args if "staticmethod" in method.decorators else (callee, *args)
            record.result = call_function(frame, method, given, kwargs, node)
            if is_skeleton(callee, method):
                record.result = frame.unknown("call", callee, *args, node=node)
            _run_hooks(frame, callee, args, record.result, node)
            return record.result
    if callee.base is not None:
        return layers.call_object(frame, callee.base, args, kwargs, node)
    return _unknown_call(frame, callee, args, kwargs, node)


def _replaced_forward(callee: Instance | Object) -> Function | Bound | Partial | None:
    """What `module.forward = function` put in the place of the class's method: it gets no `self`."""
    replaced = callee.attrs.get("forward")
    return replaced if isinstance(replaced, (Function, Bound, Partial)) else None


def _run_hooks(frame: Frame, callee: Instance | Object, args: tuple[Value, ...], result: Value, node: ast.AST) -> None:
    hooks = callee.attrs.get("#forward_hooks")
    for hook in hooks.items if isinstance(hooks, ListValue) else ():
        call(frame, hook, (callee, args, result), {}, node)


def call_function(
    frame: Frame, function: Function, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST | None
) -> Value:
    """Enter a function of the project and run its body."""
    machine = frame.machine
    stack = machine.context.stack
    running = sum(1 for a in stack if a.function.node is function.node)
    site = frame.site(node) if node is not None else None
    if running >= machine.limits.recursion or len(stack) >= machine.limits.depth:
        _leave_open(frame, (*args, *kwargs.values()))
        return Sym("call", tuple(args), {"callee": function}, site)
    machine.executed.add(id(function.node))
    scope = Scope(parent=function.scope)
    inner = Frame(machine, function.module, scope, function, args[0] if args else None)
    _bind_arguments(inner, function, args, kwargs)
    given = dict(scope.names)
    receiver = args[0] if function.owner is not None and args else None
    no_grad = not statements.NO_GRAD.isdisjoint(function.decorators)
    with machine.running(function, site, receiver, kwargs, no_grad=no_grad):
        result = _run_body(inner, function)
    if machine.written:
        hand_back(frame, given, scope.names)
    return result


def _leave_open(frame: Frame, given: tuple[Value, ...]) -> None:
    """A call that is not followed may still fill the lists and dictionaries that it is given."""
    for value in given:
        if isinstance(value, (ListValue, DictValue)):
            frame.machine.heap.touch(value)
            value.complete = False


def _run_body(frame: Frame, function: Function) -> Value:
    machine = frame.machine
    if isinstance(function.node, ast.Lambda):
        return statements.evaluate(frame, function.node.body)
    flow = statements.execute(frame, function.node.body)
    if flow is Flow.RAISE and function.name == "__init__" and isinstance(frame.receiver, Instance):
        # Its own assertions forbid these arguments, often defaults that do not fit each other: nobody builds it so.
        machine.heap.touch(frame.receiver)
        frame.receiver.open = True
    if frame.yields or _is_generator(function.node):
        return ListValue(frame.yields, not machine.context.loops, frame.site(function.node), "generator")
    result = frame.result()
    machine.record(Return(frame.site(function.node), machine.context, machine.tick(), function, result))
    return result


@once_per_node
def _is_generator(node: ast.AST) -> bool:
    return any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in own_nodes(node))


def _bind_arguments(frame: Frame, function: Function, args: tuple[Value, ...], kwargs: dict[str, Value]) -> None:
    spec = function.node.args
    names = positional(function.node)
    keyword_only = [a.arg for a in spec.kwonlyargs]
    given: list[Value] = []
    spliced = False
    for arg in args:
        if isinstance(arg, Splice):
            spliced = True
            break
        given.append(arg)
    bound = dict(zip(names, given, strict=False))
    extra = given[len(names) :]
    unknown_keywords = kwargs.get("**")
    bound.update({k: v for k, v in kwargs.items() if k in names or k in keyword_only})
    for name in (*names, *keyword_only):
        if name in bound:
            continue
        if name in function.defaults and not spliced and unknown_keywords is None:
            bound[name] = function.defaults[name]
        else:
            bound[name] = Sym("param", (), {"name": name, "function": function}, frame.site(function.node), name=name)
    if spec.vararg is not None:
        bound[spec.vararg.arg] = ListValue(list(extra), complete=False) if spliced else tuple(extra)
    if spec.kwarg is not None:
        rest = {k: v for k, v in kwargs.items() if k not in bound and k != "**"}
        bound[spec.kwarg.arg] = DictValue(rest, unknown_keywords is None, frame.site(function.node))
    for name, value in bound.items():
        frame.bind(name, value)


def defaults_of(frame: Frame, node: FunctionNode, evaluate: Callable[[Frame, ast.expr], Value]) -> dict[str, Value]:
    """Default values of parameters, evaluated where the function is defined."""
    return {name: evaluate(frame, default) for name, default in defaults(node).items()}


def super_of(frame: Frame, args: tuple[Value, ...]) -> Value:
    """`super()` or `super(Class, self)`."""
    match args:
        case (ClassValue() as owner, instance):
            return Super(instance, owner)
        case () if frame.function is not None:
            function = frame.function
            if function.owner is not None:
                return Super(frame.receiver, function.owner)
    return frame.unknown("super")
