"""Values that a network computes, names, and never uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.semantics import graph
from aelint.semantics.kinds import is_network
from aelint.semantics.memo import per_program
from aelint.semantics.program import Program
from aelint.semantics.trace import Binding
from aelint.semantics.values import Function, Sym

__all__ = ["dead_bindings"]


@per_program
def _used(program: Program) -> set[int]:
    """Ids of the values that something was computed from, or that left their function."""
    # What a function hands back to a caller in sight is used there, or not at all.
    values = [e.value for e in program.returns if not e.context.stack or e.context.stack[-1].site is None]
    values += [e.value for e in program.stores]
    values += [v for call in program.calls for v in (*call.args, *call.kwargs.values(), call.receiver)]
    left = {s.id for v in values for s in graph.parts(v)}
    return left | set(graph.consumers(program))


def dead_bindings(program: Program, operations: frozenset[str]) -> Iterator[Binding]:
    """Names in the methods of networks for a result of one of the operations that is dead wherever it was computed.

    Two witnesses are asked: nothing in the dataflow uses the value, and the text of the function does not read the name
    before it is assigned again.
    """
    used = _used(program)
    alive: set[int] = set()
    dead: dict[int, Binding] = {}
    for binding in program.bindings:
        value, function = binding.value, binding.context.function
        if not isinstance(value, Sym) or value.op not in operations or value.site is None or function is None:
            continue
        if value.id in used or value.name != binding.name or not _in_network(binding):
            alive.add(id(value.site.node))
        elif not binding.name.startswith("_") and _is_unread(function, binding):
            dead.setdefault(id(value.site.node), binding)
    return (b for key, b in dead.items() if key not in alive)


def _in_network(binding: Binding) -> bool:
    owner = binding.context.function.owner if binding.context.function is not None else None
    return owner is not None and is_network(owner)


def _is_unread(function: Function, binding: Binding) -> bool:
    """Whether the name is not read between this assignment and the next one, in the order of the text."""
    names = [n for n in ast.walk(function.node) if isinstance(n, ast.Name) and n.id == binding.name]
    row = getattr(binding.site.node, "lineno", 0)
    later = sorted(n.lineno for n in names if isinstance(n.ctx, ast.Store) and n.lineno > row)
    end = later[0] if later else float("inf")
    looped = any(isinstance(n, (ast.For, ast.While)) for n in ast.walk(function.node))
    reads = [n.lineno for n in names if not isinstance(n.ctx, ast.Store)]
    return not any(looped or row <= r <= end for r in reads)
