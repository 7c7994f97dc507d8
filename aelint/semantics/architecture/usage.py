"""What is computed and then not used: values and arguments of networks that the result does not depend on.

Every query leaves out what may be meant: names with an underscore, values that hooks or in-place
operations need, abstract methods, arguments that only make interfaces alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, parts
from aelint.semantics.dataflow.lineage import ancestors_of_any
from aelint.semantics.dataflow.liveness import DeadStore, dead_stores, names_read
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Event
from aelint.semantics.domain.values import DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.modules import each_module
from aelint.semantics.operators import REGISTRY
from aelint.semantics.optimization.parameters import NOTHING_KNOWN, held_by
from aelint.sources.unit import SourceUnit
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import walk

__all__ = [
    "IgnoredArgument",
    "UnreadValue",
    "discarded_calls",
    "has_parameters",
    "ignored_arguments",
    "is_pure",
    "layers_behind",
    "may_be_meant",
    "unread_values",
]


@dataclass(frozen=True, slots=True, eq=False)
class UnreadValue:
    """A local name of a network's method that holds the work of layers and is never read."""

    site: Site
    name: str
    layers: tuple[Object, ...]
    overwritten: Site | None


@dataclass(frozen=True, slots=True, eq=False)
class IgnoredArgument:
    """A parameter that the body never reads, although the caller computes the argument with layers of its own."""

    site: Site
    name: str
    function: Function
    call: Call
    layers: tuple[Object, ...]


def has_parameters(module: Value) -> bool:
    """Whether a layer, or a container or network of layers, holds weights that torch trains."""
    for one in each_module(module):
        spec = REGISTRY.layers.get(one.name) if isinstance(one, Object) else None
        if spec is not None and spec.stateful:
            return True
    return False


def layers_behind(value: Value) -> dict[int, Object]:
    """The layers with parameters that took part in a value, by identity, nearest first."""
    return _layers_behind_any(parts(value))


def _layers_behind_any(values: Iterable[Sym]) -> dict[int, Object]:
    layers = {id(node.layer): node.layer for node in ancestors_of_any(values) if isinstance(node.layer, Object)}
    return {key: layer for key, layer in layers.items() if has_parameters(layer)}


@per_program
def _methods(program: Program) -> list[Function]:
    executed = program.machine.executed
    return [
        f
        for f in program.own_functions
        if f.owner is not None and is_network(f.owner) and id(f.node) in executed and not isinstance(f.node, ast.Lambda)
    ]


@per_program
def unread_values(program: Program) -> list[UnreadValue]:
    """Results that a network's method assigns and never reads, although they are all that some layers work for."""
    bound: dict[int, Value] = {}
    for binding in program.bindings:
        bound.setdefault(id(binding.site.node), binding.value)
    found = []
    for function in _methods(program):
        worked = [(store, layers) for store in _dead(function) if (layers := _unread_layers(store, bound))]
        if not worked:
            continue
        # What `sample` runs as well is no use to a training pass that loses it.
        kept = _live_in(program, function) if function.name == "forward" else _live_layers(program)
        unit = function.module.unit
        for store, layers in worked:
            lost = tuple(layer for key, layer in layers.items() if key not in kept)
            if lost:
                after = Site(unit, store.overwritten) if store.overwritten is not None else None
                found.append(UnreadValue(Site(unit, store.target), store.target.id, lost, after))
    return found


def _dead(function: Function) -> Iterator[DeadStore]:
    assert not isinstance(function.node, ast.Lambda)
    return (store for store in dead_stores(function.node) if not _is_left_out(store, function.node))


def _unread_layers(store: DeadStore, bound: dict[int, Value]) -> dict[int, Object]:
    """The layers behind a value that nothing reads, where computing it has no other effect."""
    value = bound.get(id(store.target))
    return _layers_of(value) if is_pure(store.value, value) else {}


def _is_left_out(store: DeadStore, function: ast.AST) -> bool:
    """Whether the name says that its value is not needed; `_` that is read elsewhere is a name like any other."""
    return may_be_meant(store.target.id) and not (store.target.id == "_" and "_" in names_read(function))


def _layers_of(value: Value) -> dict[int, Object]:
    return layers_behind(value) if isinstance(value, Sym) and value.tensor is not False else {}


@per_program
def _live_layers(program: Program) -> set[int]:
    """The layers whose work leaves the program: returned by what is entered first, stored, or handed to the unknown."""
    return set(_layers_behind_any(part for value in _leaving(program) for part in parts(value)))


def _live_in(program: Program, function: Function) -> set[int]:
    """The layers whose work leaves one method: returned by it, or stored or handed to the unknown while it runs."""
    leaving: list[Value] = [ended.value for ended in program.returns if ended.function is function]
    leaving += [store.value for store in program.stores if _runs_in(store, function)]
    for call in program.calls:
        if isinstance(call.result, Sym) and call.result.op == "call" and _runs_in(call, function):
            leaving.append((call.receiver, call.args, tuple(call.kwargs.values())))
    return set(_layers_behind_any(part for value in leaving for part in parts(value)))


def _runs_in(event: Event, function: Function) -> bool:
    return any(running.function is function for running in event.context.stack)


def _leaving(program: Program) -> Iterator[Value]:
    for ended in program.returns:
        if len(ended.context.stack) == 1:
            yield ended.value
    for store in program.stores:
        yield store.value
    for binding in program.bindings:
        if binding.context.function is None:
            yield binding.value
    for call in program.calls:
        if isinstance(call.result, Sym) and call.result.op == "call":
            yield (call.receiver, call.args, tuple(call.kwargs.values()))


_MEANT = ("unused", "dummy", "ignored", "debug", "tmp_shape")


def may_be_meant(name: str) -> bool:
    """Whether a name says that what it holds need not be read."""
    return name.startswith(("_", *_MEANT)) or name.endswith("_")


def is_pure(node: ast.expr, value: Value) -> bool:
    """Whether computing the value does nothing but give it: no in-place operation, no mere renaming."""
    if isinstance(node, (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)):
        return False
    for one in walk(node):
        if isinstance(one, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            name = one.func.attr
            if name.endswith("_") or name in {"pop", "append", "update", "backward", "register_hook", "item", "detach"}:
                return False
        if isinstance(one, ast.keyword) and one.arg in {"inplace", "out"}:
            return False
    layer = value.layer if isinstance(value, Sym) else None
    return not (isinstance(layer, Object) and layer.bound.get("inplace") is True)


@per_program
def ignored_arguments(program: Program) -> list[IgnoredArgument]:
    """Parameters that are never read, where the argument holds layers whose work reaches the callee in no other way."""
    by_function: dict[int, list[Call]] = {}
    for call in program.calls:
        function = _entered(call)
        # Functions that the program never calls are entered with unknown arguments at their own definition.
        if function is not None and call.site.node is not function.node:
            by_function.setdefault(id(function.node), []).append(call)
    found = []
    for function in _methods(program):
        for arg in _unread_parameters(function):
            calls = by_function.get(id(function.node), [])
            losses = [_lost_layers(program, function, arg.arg, call) for call in calls]
            if losses and all(losses):
                found.append(IgnoredArgument(Site(function.module.unit, arg), arg.arg, function, calls[0], losses[0]))
    return found


def _entered(call: Call) -> Function | None:
    if isinstance(call.callee, Function):
        return call.callee
    if isinstance(call.callee, Instance):
        method = call.callee.cls.find(call.method)
        return method if isinstance(method, Function) else None
    return None


def _unread_parameters(function: Function) -> list[ast.arg]:
    node = function.node
    assert not isinstance(node, ast.Lambda)
    body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if function.decorators or not body or all(isinstance(s, (ast.Pass, ast.Raise)) for s in body):
        return []
    read = set[str]().union(*(names_read(s) for s in body))
    if {"locals", "vars", "super"} & read or _is_prescribed(function):
        return []
    return [a for a in parameters(node)[1:] if a.arg not in read and not may_be_meant(a.arg)]


def _is_prescribed(function: Function) -> bool:
    """Whether a base class that leaves the method to its children says what it takes, so that some child may not need it."""
    bases = function.owner.mro()[1:] if function.owner is not None else []
    return any("abstractmethod" in d for c in bases for d in getattr(c.namespace.get(function.name), "decorators", ()))


def _lost_layers(program: Program, function: Function, name: str, call: Call) -> tuple[Object, ...]:
    """The layers behind the argument, if the other arguments depend on none of them."""
    names = [a.arg for a in function.node.args.args][1:]
    args = call.args[1:] if isinstance(call.callee, Function) else call.args
    given = {**dict(zip(names, args, strict=False)), **call.kwargs}
    lost = layers_behind(given.get(name))
    others = set[int]().union(*(layers_behind(v) for k, v in given.items() if k != name))
    # What is handed over as a whole need not be read by each that takes it, where others take its parts.
    whole = isinstance(given.get(name), (DictValue, ListValue, tuple))
    spent = (whole or _is_a_model_of_its_type(program, call, given.get(name))) and set(lost) <= _live_layers(program)
    return () if spent or set(lost) & others else tuple(lost.values())


def _is_a_model_of_its_type(program: Program, call: Call, given: Value) -> bool:
    """Whether a module without weights, a table of positions say, is shown a tensor that something else computes with."""
    module = call.callee if isinstance(call.callee, Instance) else call.receiver
    held = held_by(module) if isinstance(module, Instance) else NOTHING_KNOWN
    without_weights = held.known and held.owners == {id(module)}
    return without_weights and isinstance(given, Sym) and given.id in consumers(program)


@per_program
def discarded_calls(program: Program) -> list[Call]:
    """Calls that are a whole statement, so that nothing can use what they return; each place once."""
    statements: set[int] = set()
    _collect_statements(program.tree, statements)
    statements -= _displayed(program.unit)
    found: dict[int, Call] = {}
    for call in program.calls:
        if id(call.site.node) in statements:
            found.setdefault(id(call.site.node), call)
    return list(found.values())


def _displayed(unit: SourceUnit) -> set[int]:
    """The last expression of each cell of a notebook, or of a script that was exported from one: its value is shown."""
    body = unit.tree.body
    if _is_exported(unit):
        return {id(s.value) for s in body if isinstance(s, ast.Expr) and _ends_a_cell(unit, s)}
    cells = [unit.origin(statement.lineno).cell for statement in body]
    return {
        id(statement.value)
        for statement, cell, following in zip(body, cells, [*cells[1:], None], strict=False)
        if isinstance(statement, ast.Expr) and cell is not None and cell != following
    }


def _is_exported(unit: SourceUnit) -> bool:
    """Whether `jupyter nbconvert` wrote the script: by the line that it starts with, or its marks of cells."""
    return "# coding: utf-8" in unit.lines[:2] or any(line.startswith("# In[") for line in unit.lines)


def _ends_a_cell(unit: SourceUnit, statement: ast.stmt) -> bool:
    """Whether two empty lines follow: that is how far the cells of an exported notebook stand apart."""
    last = statement.end_lineno or statement.lineno
    return not any(line.strip() for line in unit.lines[last : last + 2])


def _collect_statements(node: ast.AST, found: set[int]) -> None:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Expr(value=ast.Call() as call):
                found.add(id(call))
            case ast.Try() | ast.TryStar():
                # A call that is tried out: what matters is whether it raises.
                continue
            case ast.With(items=items) if any("raises" in ast.unparse(i) or "warns" in ast.unparse(i) for i in items):
                continue
            case ast.expr():
                continue
            case _:
                _collect_statements(child, found)
