"""What `forward` returned, as the arguments of a method that nobody in sight calls: `model.loss_function(*model(x))`.

A library writes the loss into the model, and calls it from a file that is not looked at. Its parameters, or the variables that
it takes from `*args`, carry the names of what `forward` returns: two that agree tell which is which.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from aelint.semantics.domain.trace import Return
from aelint.semantics.domain.values import Function, Instance, ListValue, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.machine import Machine
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["handed_results"]

_ENOUGH = 2
"""How many names have to agree: one may be anybody's `x`."""


def handed_results(
    machine: Machine, function: Function, instance: Instance | None
) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """The arguments of a method that are results of the network's own pass: those of `*args`, and those by name."""
    if instance is None or not is_network(instance.cls) or function.name == "forward" or function.decorators:
        return (), {}
    names, taken = positional(function.node)[1:], _taken(function)
    if max(len(names), len(taken)) < _ENOUGH:
        return (), {}  # asked first: to look for the results is to read the whole trace
    results = _results(machine, instance)
    if taken and not names:
        agreeing = sum(1 for index, name in taken.items() if index < len(results) and name in _names(results[index]))
        return (results, {}) if agreeing >= _ENOUGH and max(taken) < len(results) else ((), {})
    found = {name: one for name in names if (one := _called(results, name)) is not None}
    # A result that goes by two of the names (a layer that it went through called it `x`) is not known by either of them alone.
    held = [one.id for one in found.values()]
    named = {name: one for name, one in found.items() if held.count(one.id) == 1 or one.name == name}
    return (), named if len({one.id for one in named.values()}) >= _ENOUGH else {}


def _results(machine: Machine, instance: Instance) -> tuple[Value, ...]:
    """What the last pass of a network returned, where that is several values."""
    for event in reversed(machine.trace.events):
        match event:
            case Return(function=Function(name="forward"), value=value) if event.context.stack[-1].receiver is instance:
                break
            case _:
                pass
    else:
        return ()
    match value:
        case tuple() as several:
            return several
        case ListValue(complete=True, items=items):
            return tuple(items)
        case _:
            return ()


def _taken(function: Function) -> dict[int, str]:
    """The variables that a function takes from its `*args`, by their places."""
    rest = function.node.args.vararg
    found: dict[int, str] = {}
    for statement in every(ast.Assign, function.node) if rest is not None else ():
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Subscript(value=ast.Name(id=source), slice=ast.Constant(value=int(index))),
            ) if rest is not None and source == rest.arg:
                found[index] = name
            case _:
                pass
    return found


def _called(results: Iterable[Value], name: str) -> Sym | None:
    """The one result of a name."""
    found = [one for one in results if isinstance(one, Sym) and name in _names(one)]
    return found[0] if len(found) == 1 else None


def _names(value: Value) -> set[str]:
    return {value.name, *value.names} if isinstance(value, Sym) else set()
