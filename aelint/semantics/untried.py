"""A second look at functions in which a default passed over code: run again with other values for the deciding options.

`def __init__(self, ..., variational=False)` leads an interpreter past everything behind `if variational:` when
nobody in the project passes the option, and so does `reduction="mean"` past the other reductions. The first run
keeps the defaults, since what it derives of sizes and ranges is exact. The second is speculative: a switch is
turned over, a choice takes each word that the conditions compare it with, anything else is unknown; no
contradiction is reported from it, because these values need not go together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from aelint.semantics.domain.values import ClassValue, Function, Instance, Value
from aelint.semantics.interpreter import classes
from aelint.semantics.interpreter.machine import Frame, Machine
from aelint.semantics.interpreter.scopes import Module
from aelint.semantics.roots import argument, enter, run_root
from aelint.syntax.blocks import blocks
from aelint.syntax.kept import kept
from aelint.syntax.walk import every, own_nodes

__all__ = ["run_untried"]

_SETTINGS = 4
"""How many words of a choice are tried."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """A condition that always came out the same way, and the words that it and those after it compare with."""

    test: ast.expr
    words: tuple[str, ...]


def run_untried(machine: Machine, module: Module) -> None:
    """Enter every function of the file again in which a default decided against code that never ran."""
    functions = [f for f in machine.functions if f.module is module and id(f.node) in machine.executed]
    untried = {f: decisions for f in functions if (decisions := list(_decisions(machine, f)))}
    instances, objects = len(machine.instances), len(machine.objects)
    stopped, notes = machine.stopped, len(machine.trace.notes)
    for cls in dict.fromkeys(f.owner for f in untried if f.owner is not None):
        instance = next((i for i in machine.instances if i.cls is cls), None)
        if instance is not None:
            _run_class(machine, module, instance, {f: d for f, d in untried.items() if f.owner is cls})
    for function, decisions in untried.items():
        if function.owner is None:
            for setting in _settings(machine, function, decisions):
                run_root(machine, partial(enter, machine, module, function, None, setting), guess=True)
    # The program has the networks that it has: what was built for the second look is none of them.
    del machine.instances[instances:], machine.objects[objects:]
    # A second look that was cut short leaves the first one as complete as it was.
    machine.stopped = stopped
    del machine.trace.notes[notes:]


def _run_class(machine: Machine, module: Module, first: Instance, untried: dict[Function, list[_Decision]]) -> None:
    initializer, forward = first.cls.find("__init__"), first.cls.find("forward")
    if isinstance(initializer, Function):
        everything = [d for decisions in untried.values() for d in decisions]
        for setting in _settings(machine, initializer, everything, _keeps(initializer)):
            instance = _built(machine, module, first.cls, setting)
            if instance is None:
                continue
            again = [*untried, forward] if initializer in untried and isinstance(forward, Function) else [*untried]
            for method in dict.fromkeys(again):
                if method is not initializer:
                    run_root(machine, partial(enter, machine, module, method, instance), guess=True)
    for method, decisions in untried.items():
        if method is initializer:
            continue
        for setting in _settings(machine, method, decisions):
            # What the second look stores must not be found in the instance that the first one left.
            instance = replace(first, attrs=dict(first.attrs))
            run_root(machine, partial(enter, machine, module, method, instance, setting), guess=True)


def _built(machine: Machine, module: Module, cls: ClassValue, setting: dict[str, Value]) -> Instance | None:
    """One more instance of a class; None if the fuel did not last."""
    frame = Frame(machine, module, module.scope)
    built: list[Value] = []
    run_root(machine, lambda: built.append(classes.instantiate(frame, cls, (), setting, cls.node)), guess=True)
    match built:
        case [Instance() as result]:
            result.symbolic = True
            return result
        case _:
            return None


def _decisions(machine: Machine, function: Function) -> Iterator[_Decision]:
    """The conditions of a function that kept it from computing something."""
    own = {id(node) for node in own_nodes(function.node)}
    for block in blocks(function.node):
        for position, statement in enumerate(block):
            if isinstance(statement, ast.If) and id(statement) in own:
                passed_over = _passed_over(machine, statement, block[position + 1 :])
                if any(_computes(s) for s in passed_over):
                    asked = [statement.test, *(test for s in passed_over for test in _tests(s))]
                    yield _Decision(statement.test, tuple(word for test in asked for word in _words(test)))


def _passed_over(machine: Machine, statement: ast.If, following: list[ast.stmt]) -> list[ast.stmt]:
    match machine.decided.get(id(statement)):
        case (False,):
            return statement.body
        case (True,):
            leaves = isinstance(statement.body[-1], ast.Return | ast.Raise)
            return statement.orelse or (following if leaves else [])
        case _:
            return []


def _computes(statement: ast.stmt) -> bool:
    """Whether a statement calls something, be it only further inside; complaints do not count."""
    match statement:
        case ast.Raise() | ast.Assert() | ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return False
        case ast.If(body=body, orelse=orelse):
            return any(_computes(s) for s in [*body, *orelse])
        case _:
            return bool(every(ast.Call, statement))


def _tests(statement: ast.stmt) -> Iterator[ast.expr]:
    """The conditions of a chain of `if` and `elif`."""
    if isinstance(statement, ast.If):
        yield statement.test
        if len(statement.orelse) == 1:
            yield from _tests(statement.orelse[0])


def _words(test: ast.expr) -> Iterator[str]:
    for constant in every(ast.Constant, test):
        if isinstance(constant.value, str):
            yield constant.value


def _settings(
    machine: Machine, function: Function, decisions: list[_Decision], keeps: dict[str, str] | None = None
) -> list[dict[str, Value]]:
    """Other values for the options of a function that decisions ask for, by their names or the attributes that keep them.

    As many settings as it takes to try every word of every choice.
    """
    keeps = keeps or {}
    asked: dict[str, list[str]] = {}
    for decision in decisions:
        names = [n.id for n in every(ast.Name, decision.test)]
        names += [keeps[a.attr] for a in every(ast.Attribute, decision.test) if a.attr in keeps]
        for name in names:
            asked.setdefault(name, []).extend(decision.words)
    spec = function.node.args
    declared = [a for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs] if a.arg in asked]
    others = {a.arg: _others(machine, function, a, asked[a.arg]) for a in declared if a.arg in function.defaults}
    rounds = min(max(map(len, others.values()), default=0), _SETTINGS)
    return [{name: values[min(i, len(values) - 1)] for name, values in others.items()} for i in range(rounds)]


def _others(machine: Machine, function: Function, option: ast.arg, words: list[str]) -> list[Value]:
    match function.defaults[option.arg]:
        case bool() as switch:
            return [not switch]
        case str() as word if any(other != word for other in words):
            return [other for other in dict.fromkeys(words) if other != word]
        case _:
            frame = Frame(machine, function.module, function.scope)
            return [argument(frame, option, optional=True, tensor=False)]


def _keeps(initializer: Function) -> dict[str, str]:
    """The attributes that keep a parameter as it is, and which."""
    return {one.attribute: one.name for one in kept(every(ast.Assign, initializer.node))}
