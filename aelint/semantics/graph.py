"""The dataflow graph as a whole: every node that the trace reaches, and who uses it."""

from __future__ import annotations

from collections.abc import Iterator

from aelint.semantics.memo import per_program
from aelint.semantics.program import Program
from aelint.semantics.trace import Binding, Call, Return, Store
from aelint.semantics.values import DictValue, Instance, ListValue, Object, Sym, Value

__all__ = ["consumers", "nodes", "parts"]

_DEEPEST_NEST = 6


def parts(value: Value, depth: int = 0) -> Iterator[Sym]:
    """The run-time values inside of a value, arguments of distributions included."""
    # Most values are one node, and a generator for each of them costs more than all the rest.
    return iter((value,)) if isinstance(value, Sym) else _nested(value, depth)


def _nested(value: Value, depth: int) -> Iterator[Sym]:
    inner: list[Value] = []
    match value:
        case tuple():
            inner = list(value)
        case ListValue(items=items):
            inner = items
        case DictValue(items=items):
            inner = list(items.values())
        case Object() if value.name.startswith("torch.distributions"):
            inner = [*value.args, *value.kwargs.values()]
    if depth < _DEEPEST_NEST:
        for one in inner:
            yield from parts(one, depth + 1)


@per_program
def nodes(program: Program) -> list[Sym]:
    """Every node of the graph, in the order in which they were made."""
    reached: dict[int, Sym] = {}
    pending = [s for root in _roots(program) for s in parts(root)]
    while pending:
        node = pending.pop()
        if node.id not in reached:
            reached[node.id] = node
            pending.extend(s for i in node.inputs for s in parts(i))
    return [reached[i] for i in sorted(reached)]


def _roots(program: Program) -> Iterator[Value]:
    for event in program.machine.trace.events:
        match event:
            case Call():
                yield from (event.result, event.args, tuple(event.kwargs.values()))
            case Binding() | Return() | Store():
                yield event.value
    for one in program.machine.instances:
        if isinstance(one, Instance):
            yield tuple(one.attrs.values())


@per_program
def consumers(program: Program) -> dict[int, list[Sym]]:
    """For the id of every node, the nodes that were computed from it."""
    found: dict[int, list[Sym]] = {}
    for node in nodes(program):
        for one in {s.id: s for i in node.inputs for s in parts(i)}.values():
            found.setdefault(one.id, []).append(node)
    return found
