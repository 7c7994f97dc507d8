"""Layers and blocks that a network runs for nothing: `self.block(x)` as a statement, after which `x` goes on without it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.usage import discarded_calls
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module, is_network
from aelint.semantics.interpreter.modules import submodules
from aelint.syntax.names import is_own_attribute, last_name, uses
from aelint.syntax.signatures import FunctionNode
from aelint.syntax.walk import every

__all__ = ["DiscardedLayer", "discarded_layers"]

_MADE = frozenset({"zeros", "ones", "rand", "randn", "empty", "full"})
"""What warms a layer up, or asks for the size of its output, where it is made for it."""
_LEAVES_A_TRACE = frozenset(
    "append extend insert update add setdefault write register_forward_hook register_hook register_forward_pre_hook "
    "copy_ add_ mul_ fill_ zero_ backward print log".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class DiscardedLayer:
    """The statement, the name of its operand, and where that is read next."""

    call: Call
    operand: str
    read: Site


def discarded_layers(program: Program) -> Iterator[DiscardedLayer]:
    """Calls of modules in a network's methods whose result nothing takes, and whose operand is read again behind them."""
    found = [c for c in discarded_calls(program) if _is_run(c)]
    if not found or any("hook" in n.attr for unit in program.files for n in every(ast.Attribute, unit.tree)):
        return  # A hook takes what the statement leaves.
    for call in found:
        function = call.context.function
        operand = _operand(call.site.node)
        if function is None or operand is None or function.name == "__init__":
            continue
        later = [
            n for n in uses(function.node, operand.id) if n.lineno > operand.lineno and isinstance(n.ctx, ast.Load)
        ]
        if later:
            yield DiscardedLayer(call, operand.id, Site(call.site.unit, later[0]))


def _is_run(call: Call) -> bool:
    """Whether the call runs a module on a tensor that came in, in a method of a network, and the module changes nothing else."""
    function = call.context.function
    owner = function.owner if function is not None else None
    module = call.receiver if is_module(call.receiver) else call.callee
    if function is None or owner is None or not is_network(owner) or not is_module(module) or call.context.no_grad:
        return False
    if call.method not in {"", "forward"}:
        return False  # `self.to(device)`
    given = call.args[0] if call.args else None
    if not isinstance(given, Sym) or (given.op in _MADE and _is_made_in(given, function)):
        return False
    return _leaves_nothing(module)


def _is_made_in(given: Sym, function: Function) -> bool:
    return given.site is None or given.site.lies_in(Site(function.module.unit, function.node))


def _leaves_nothing(module: Value) -> bool:
    parts = [part for _, part in submodules(module)] if isinstance(module, (Instance, Object)) else []
    return all(_is_quiet(part) for part in (module, *parts))


def _is_quiet(part: Value) -> bool:
    match part:
        case Object():
            # `Conv2d(64, 32, 1)` ends in a number that equals True.
            return part.bound.get("inplace") is not True and not any(given is True for given in part.args[-1:])
        case Instance():
            forward = part.cls.find("forward")
            known = part.cls.fully_known and part.base is None
            return known and isinstance(forward, Function) and _stores_nothing(forward.node)
        case _:
            return False


def _stores_nothing(forward: FunctionNode) -> bool:
    """Whether a method only computes: it sets no attribute and no item, and calls nothing that keeps or shows what it gets."""
    kept = (*every(ast.Attribute, forward), *every(ast.Subscript, forward))
    if any(isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store) for node in kept):
        return False
    for call in every(ast.Call, forward):
        name = last_name(call.func)
        # Another method of the object may keep something; its layers are looked at on their own.
        if name in _LEAVES_A_TRACE or name.endswith("_"):
            return False
    return not every(ast.Global, forward)


def _operand(node: ast.AST) -> ast.Name | None:
    match node:
        case ast.Call(
            func=ast.Name() | ast.Subscript() | ast.Attribute() as function, args=[ast.Name() as operand, *_]
        ):
            plain = isinstance(function, (ast.Name, ast.Subscript)) or is_own_attribute(function)
            return operand if plain else None
        case _:
            return None
