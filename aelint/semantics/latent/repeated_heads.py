"""Layers of the project's own, or of a library, that are applied twice to the same, beside a twin that nothing applies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.syntax.walk import every

__all__ = ["RepeatedHead", "repeated_heads"]


@dataclass(frozen=True, slots=True)
class RepeatedHead:
    """The second of two equal calls, and the attributes of the layer and of its idle twin."""

    first: Site
    second: Site
    name: str
    idle: str


def repeated_heads(program: Program) -> Iterator[RepeatedHead]:
    """Every layer that one function calls twice with the same arguments, where a layer made in the same way is never called."""
    told: set[ast.AST] = set()
    by_caller: dict[tuple[int, int], list[Call]] = {}
    for call in program.calls:
        if isinstance(call.callee, (Instance, Object, Sym)) and call.context.stack and call.site.unit is program.unit:
            by_caller.setdefault((id(call.context.stack[-1]), id(call.callee)), []).append(call)
    for calls in by_caller.values():
        for first, second in combinations(calls, 2):
            names = _names(program, first) if _are_equal(first, second) else None
            if names is not None and second.site.node not in told:
                told.add(second.site.node)
                yield RepeatedHead(first.site, second.site, *names)


def _are_equal(first: Call, second: Call) -> bool:
    """Whether both are written apart, in one round, and hand over the same."""
    apart = first.site.node is not second.site.node and first.method == second.method
    same_round = [loop.round for loop in first.context.loops] == [loop.round for loop in second.context.loops]
    return apart and same_round and bool(first.args) and first.args == second.args and first.kwargs == second.kwargs


def _names(program: Program, call: Call) -> tuple[str, str] | None:
    """The attributes of the layer and of its twin, where the object that calls has both."""
    owner, layer = call.context.stack[-1].receiver, call.callee
    if not isinstance(owner, Instance):
        return None
    own = next((name for name, value in owner.attrs.items() if value is layer), None)
    twins = (name for name, value in owner.attrs.items() if value is not layer and _are_alike(layer, value))
    idle = next((name for name in twins if _is_idle(program, name)), None)
    return (own, idle) if own is not None and idle is not None else None


def _are_alike(first: Value, second: Value) -> bool:
    match first, second:
        case Instance(), Instance():
            return first.cls is second.cls and bool(first.arguments) and first.arguments == second.arguments
        case Object(), Object():
            same = first.name == second.name and first.args == second.args and first.kwargs == second.kwargs
            return same and bool(first.args or first.kwargs)
        case Sym(op="call", site=Site(node=ast.Call() as one)), Sym(op="call", site=Site(node=ast.Call() as other)):
            # What a library makes is known by how it was made alone.
            return bool(one.args or one.keywords) and ast.dump(one) == ast.dump(other)
        case _:
            return False


def _is_idle(program: Program, name: str) -> bool:
    """Whether the file reads nothing of the attribute but its own attributes and methods, as to reset its weights."""
    owners = {id(one.value) for one in every(ast.Attribute, program.tree)}
    read = [one for one in every(ast.Attribute, program.tree) if one.attr == name and isinstance(one.ctx, ast.Load)]
    written = any(one.value == name for one in every(ast.Constant, program.tree))
    return not written and all(id(one) in owners for one in read)
