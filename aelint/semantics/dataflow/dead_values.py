"""Values that a network computes, names, and never uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Function, Sym
from aelint.semantics.interpreter.kinds import is_network

__all__ = ["dead_bindings", "used_values"]


@per_program
def used_values(program: Program) -> set[int]:
    """Ids of the values that something was computed from, or that left their function."""
    # What a function hands back to a caller in sight is used there, or not at all.
    values = [e.value for e in program.returns if not e.context.stack or e.context.stack[-1].is_entry]
    values += [e.value for e in program.stores]
    return {*graph.parts_of_all(values), *graph.handed(program), *graph.consumers(program)}


def dead_bindings(program: Program, operations: frozenset[str]) -> Iterator[Binding]:
    """Names in the methods of networks for a result of one of the operations that is dead wherever it was computed.

    Two witnesses are asked: nothing in the dataflow uses the value, and no path through the text of the function reads
    the name before it is assigned again.
    """
    used = used_values(program)
    alive: set[int] = set()
    dead: dict[int, Binding] = {}
    for binding in program.bindings:
        value, function = binding.value, binding.context.function
        if not isinstance(value, Sym) or value.op not in operations or value.site is None or function is None:
            continue
        # A choice between two values is made nowhere but where it is named, and has the name of one of them.
        chosen = value.op == "phi"
        place = id(binding.site.node if chosen else value.site.node)
        if value.id in used or (value.name != binding.name and not chosen) or not _in_network(binding):
            alive.add(place)
        elif not binding.name.startswith("_") and _is_unread(function, binding):
            dead.setdefault(place, binding)
    return (b for key, b in dead.items() if key not in alive)


def _in_network(binding: Binding) -> bool:
    owner = binding.context.function.owner if binding.context.function is not None else None
    return owner is not None and is_network(owner)


def _is_unread(function: Function, binding: Binding) -> bool:
    """Whether no path through the function's text reads the name before it is assigned again."""
    if isinstance(function.node, ast.Lambda):
        return False
    return any(dead.target is binding.site.node for dead in dead_stores(function.node))
