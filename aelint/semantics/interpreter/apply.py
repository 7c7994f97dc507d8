"""Apply a canonical operation: bind its arguments, run its transfer function, make the resulting tensors."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from aelint.semantics.domain.intervals import ANY
from aelint.semantics.domain.values import DictValue, Instance, ListValue, Object, Splice, Sym, Value
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators import REGISTRY, Apply, Facts, Operation
from aelint.semantics.operators.api import REQUIRED

__all__ = ["apply_named", "apply_operation", "bind_parameters", "result_tensors", "syms_in"]

_BY_NAME: dict[str, Operation] = {}


def _operation(name: str) -> Operation | None:
    if not _BY_NAME:
        # Any one spelling will do: they share the transfer function.
        for table in (REGISTRY.methods, REGISTRY.functions):
            for operation in table.values():
                _BY_NAME.setdefault(operation.name, operation)
    return _BY_NAME.get(name)


def syms_in(value: Value) -> list[Sym]:
    """The run-time values that a value contains."""
    match value:
        case Sym():
            return [value]
        case tuple():
            return [s for v in value for s in syms_in(v)]
        case ListValue() | Splice():
            return [s for v in value.items for s in syms_in(v)]
        case DictValue():
            return [s for v in value.items.values() for s in syms_in(v)]
        case Object() if value.name.startswith("torch.distributions"):
            return [s for v in (*value.args, *value.kwargs.values()) for s in syms_in(v)]
        case _:
            return []


def apply_named(frame: Frame, name: str, operands: tuple[Value, ...], node: ast.AST) -> Value:
    """Apply the operation `name` to its operands in order (the spelling is an operator)."""
    operation = _operation(name)
    site = frame.site(node)
    if operation is None:
        result = Sym(name, operands, {}, site)
        result.kind = "size" if all(_is_size(o) for o in operands) else None
        return result
    names = [p for p, _ in operation.params]
    args = dict(zip(names, operands, strict=False))
    result = _run(frame, operation, args, site, None)
    if isinstance(result, Sym) and result.site is site:
        result.inputs = operands
    return result


def _is_size(value: Value) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Sym) and value.kind == "size")


def bind_parameters(
    params: tuple[tuple[str, Any], ...], variadic: str, args: tuple[Value, ...], kwargs: dict[str, Value]
) -> dict[str, Value]:
    """Arguments by parameter name; defaults fill in, a missing required one stays absent."""
    bound: dict[str, Value] = {}
    if variadic and params and params[-1][0] == variadic:
        params = params[:-1]
    spliced = next((i for i, a in enumerate(args) if isinstance(a, Splice)), None)
    if spliced is not None and not (variadic and spliced >= len(params)):
        # Behind arguments of unknown number nothing is in a known place, and no default is certain to hold.
        args, kwargs = args[:spliced], {**kwargs, "**": args[spliced]}
    for index, arg in enumerate(args):
        if index < len(params):
            bound[params[index][0]] = arg
    if variadic and len(args) > len(params):
        bound[variadic] = args[len(params) :]
    for name, value in kwargs.items():
        bound[_ALIASES.get(name, name) if name not in dict(params) else name] = value
    if "**" not in kwargs:
        for name, default in params:
            if default is not REQUIRED:
                bound.setdefault(name, default)
    return bound


_ALIASES = {
    "axis": "dim",
    "axes": "dims",
    "keepdims": "keepdim",
    "x": "input",
    "a": "input",
    "a_min": "min",
    "a_max": "max",
}


def apply_operation(
    frame: Frame,
    operation: Operation,
    args: tuple[Value, ...],
    kwargs: dict[str, Value],
    node: ast.AST,
    layer: Object | Instance | None = None,
) -> tuple[Value, dict[str, Value]]:
    """The result of an operation, and its arguments by name."""
    bound = bind_parameters(operation.params, operation.variadic, args, kwargs)
    return _run(frame, operation, bound, frame.site(node), layer), bound


def _run(frame: Frame, operation: Operation, bound: dict[str, Value], site: Any, layer: Any) -> Value:
    apply = Apply(operation.name, bound, site, layer)
    facts = operation.transfer(apply)
    if apply.conflicts:
        frame.machine.report(apply.conflicts)
    # A list goes on changing, and what it held on a branch is taken back at its end: what was given stays.
    given = {
        name: replace(value, items=list(value.items)) if isinstance(value, ListValue) else value
        for name, value in bound.items()
    }
    return result_tensors(operation.name, facts, given, site, layer)


def result_tensors(name: str, facts: Any, bound: dict[str, Value], site: Any, layer: Any = None) -> Value:
    """Facts as a tensor that knows its origin; a tuple of facts as a tuple of items of one such tensor."""
    match facts:
        case Facts():
            inputs = tuple(syms_in(tuple(bound.values())))
            return Sym(name, inputs, bound, site, facts.shape, facts.last, facts.range, facts.kind, facts.tensor, layer)
        case tuple() if facts and _contains_facts(facts):
            whole = Sym(name, tuple(syms_in(tuple(bound.values()))), bound, site, None, (), ANY, None, None, layer)
            return _items(whole, facts, site)
        case _:
            return facts


def _contains_facts(value: Any) -> bool:
    return isinstance(value, Facts) or (isinstance(value, tuple) and any(_contains_facts(v) for v in value))


def _items(whole: Sym, facts: tuple[Any, ...], site: Any) -> tuple[Value, ...]:
    items: list[Value] = []
    for index, one in enumerate(facts):
        match one:
            case Facts():
                item = Sym(
                    "item", (whole,), {"index": index}, site, one.shape, one.last, one.range, one.kind, one.tensor
                )
                items.append(item)
            case tuple():
                part = Sym("item", (whole,), {"index": index}, site)
                items.append(_items(part, one, site))
            case _:
                items.append(one)
    return tuple(items)
