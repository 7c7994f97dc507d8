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
from aelint.syntax.walk import every, holds

__all__ = ["dead_bindings", "overwritten_bindings", "used_values"]


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
    return (
        b for b in _unused(program, operations) if b.context.function is not None and _is_unread(b.context.function, b)
    )


def overwritten_bindings(program: Program, operations: frozenset[str]) -> Iterator[tuple[Binding, Binding]]:
    """Such names, each with the place where it is assigned again before anything reads it.

    A name that is assigned again under a condition is among them where the program's own settings decide that condition.
    """
    for binding in _unused(program, operations, as_run=True):
        later = (b for b in program.bindings_of(binding.name) if b.order > binding.order)
        again = next((b for b in later if b.context.stack[-1:] == binding.context.stack[-1:]), None)
        if again is not None and _follows(again, binding):
            yield binding, again


def _follows(again: Binding, binding: Binding) -> bool:
    """Whether a name is certain to be assigned again, and nothing between the two places reads it."""
    function = binding.context.function
    if function is None or not _is_as_certain(again, binding):
        return False
    if any(holds(loop, binding.site.node) for kind in _LOOPS for loop in every(kind, function.node)):
        return False  # the next round may read it
    first, last = binding.site.unit_row, again.site.unit_row
    read = (n for n in every(ast.Name, function.node) if n.id == binding.name and isinstance(n.ctx, ast.Load))
    return not any(first < n.lineno <= last for n in read)


_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def _is_as_certain(again: Binding, binding: Binding) -> bool:
    return all(any(one is other for other in binding.context.guards) for one in again.context.guards)


def _unused(program: Program, operations: frozenset[str], *, as_run: bool = False) -> Iterator[Binding]:
    """Names for a result of one of the operations that nothing in the dataflow uses, wherever it was computed.

    With `as_run` the places where they are named are told apart, not those where they are computed, and what the program
    itself runs is asked alone, if it runs the place: there its own settings hold.
    """
    used = used_values(program)
    found: dict[int, list[tuple[Binding, bool]]] = {}
    for binding in program.bindings:
        value = binding.value
        if not isinstance(value, Sym) or value.op not in operations or value.site is None:
            continue
        if binding.context.function is None:
            continue
        # A choice between two values is made nowhere but where it is named, and has the name of one of them.
        chosen = value.op == "phi"
        place = id(binding.site.node if chosen or as_run else value.site.node)
        alive = value.id in used or (value.name != binding.name and not chosen) or not _in_network(binding)
        found.setdefault(place, []).append((binding, alive))
    for seen in found.values():
        run = [(one, alive) for one, alive in seen if one.context.is_run] if as_run else []
        if not any(alive for _, alive in run or seen) and not seen[0][0].name.startswith("_"):
            yield (run or seen)[0][0]


def _in_network(binding: Binding) -> bool:
    owner = binding.context.function.owner if binding.context.function is not None else None
    return owner is not None and is_network(owner)


def _is_unread(function: Function, binding: Binding) -> bool:
    """Whether no path through the function's text reads the name before it is assigned again."""
    if isinstance(function.node, ast.Lambda):
        return False
    return any(dead.target is binding.site.node for dead in dead_stores(function.node))
