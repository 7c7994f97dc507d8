"""Visits to all layers of a network to set their weights, of which no branch holds for any layer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import MISSING, Function, Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.layers import is_instance
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.interpreter.scopes import Module
from aelint.semantics.optimization.initialization import is_weighted
from aelint.semantics.optimization.initializers import Idle, bias_conditions, is_initializing, resolve
from aelint.syntax.walk import every, holds, walk

__all__ = ["unmatched"]

_UNKNOWN = frozenset({"call", "phi", "param"})
"""What an attribute may hold that is a module: what an unknown function gave, or one of two branches."""


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """`network.apply(function)`, or a loop over `network.modules()`: the code that each layer goes through."""

    call: Call
    bodies: tuple[tuple[Module, ast.AST], ...]
    name: str


def unmatched(program: Program) -> Iterator[Idle]:
    """Code that sets weights, is shown every layer of a network, and takes none of them."""
    ran = {id(c.site.node) for c in program.calls}
    explained = {id(idle.site.node) for idle in bias_conditions(program)}
    for visit in _visits(program):
        nodes = [n for _, body in visit.bodies for n in walk(body)]
        inits = [n for n in nodes if is_initializing(n)]
        layers = [one for one in _layers(visit.call.receiver) if is_weighted(one)]
        if not inits or not layers or any(id(n) in ran for n in inits) or any(id(n) in explained for n in nodes):
            continue
        if not _delegates(nodes) and not any(_holds_later(*body, layers) for body in visit.bodies):
            yield Idle(_place(visit), tuple(layers), visit.name)


def _layers(network: Value) -> list[Object]:
    """The layers of a network; none where some may be out of sight, given by another library say."""
    parts = [one for _, one in submodules(network)]
    return [] if any(map(_may_hold_more, parts)) else [one for one in parts if isinstance(one, Object)]


def _may_hold_more(part: Object | Instance) -> bool:
    if isinstance(part, Object):
        return part.children is not None and not part.complete
    unknown = (v for v in part.attrs.values() if isinstance(v, Sym) and v.op in _UNKNOWN and v.tensor is not True)
    return part.open or any(True for _ in unknown)


def _visits(program: Program) -> Iterator[_Visit]:
    for call in program.method_calls("apply"):
        match call.args:
            case (Function() as function, *_) if is_module(call.receiver):
                yield _Visit(call, ((function.module, function.node),), f"`{function.name}`")
            case _:
                pass
    for call in program.method_calls("modules", "named_modules"):
        module = program.machine.modules.get(call.site.unit.path)
        loop = _loop_over(call, module) if module is not None and is_module(call.receiver) else None
        if loop is not None and module is not None:
            called = [c.callee for c in program.calls if holds(loop, c.site.node)]
            functions = {id(f): (f.module, f.node) for f in called if isinstance(f, Function)}
            yield _Visit(call, ((module, loop), *functions.values()), "this loop")


def _loop_over(call: Call, module: Module) -> ast.For | None:
    return next((n for n in every(ast.For, module.tree) if holds(n.iter, call.site.node)), None)


def _delegates(nodes: list[ast.AST]) -> bool:
    # `m.reset_parameters()` and calls of other functions may set weights too.
    named = [n.func for n in nodes if isinstance(n, ast.Call)]
    return any(isinstance(f, ast.Attribute) and f.attr in {"reset_parameters", "init_weights"} for f in named)


def _tests(body: ast.AST) -> list[ast.expr]:
    """The conditions under which weights are set."""
    branches = every(ast.If, body)
    return [n.test for n in branches if any(is_initializing(one) for part in n.body for one in walk(part))]


def _holds_later(module: Module, body: ast.AST, layers: list[Object]) -> bool:
    """Whether a test holds for a layer that the network got after the visit: its kind is not what is wrong."""
    for test in _tests(body):
        for node in every(ast.Call, test):
            match node:
                case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
                    found = resolve(module, kind)
                    if found is not MISSING and any(is_instance(one, found) is True for one in layers):
                        return True
                case _:
                    pass
    return False


def _place(visit: _Visit) -> Site:
    """The one test that no layer passes, or where the layers are visited."""
    tests = [Site(module.unit, test) for module, body in visit.bodies for test in _tests(body)]
    return tests[0] if len(tests) == 1 else visit.call.site
