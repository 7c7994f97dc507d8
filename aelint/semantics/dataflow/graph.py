"""The dataflow graph as a whole: every node that the trace reaches, and who uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Call, Return, Store
from aelint.semantics.domain.values import DictValue, Instance, ListValue, Object, Sym, Value

__all__ = ["consumers", "handed", "nodes", "nodes_of", "parts", "parts_of_all"]

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
        case Instance() if value.cls.is_record:
            inner = list(value.attrs.values())
        case Object() if value.name.startswith("torch.distributions"):
            inner = [*value.args, *value.kwargs.values()]
    if depth < _DEEPEST_NEST:
        for one in inner:
            yield from parts(one, depth + 1)


def parts_of_all(values: Iterable[Value]) -> dict[int, Sym]:
    """The run-time values inside of any of the values, by their ids. What many of them hold is opened once."""
    found: dict[int, Sym] = {}
    opened: dict[int, Value] = {}  # kept, so that no other value takes over an id
    for value in values:
        if isinstance(value, Sym):
            found[value.id] = value
        elif isinstance(value, (tuple, ListValue, DictValue, Instance, Object)) and id(value) not in opened:
            opened[id(value)] = value
            found.update((one.id, one) for one in _nested(value, 0))
    return found


@per_program
def handed(program: Program) -> frozenset[int]:
    """Ids of the values that some call is given, or is made on."""
    given = (v for call in program.calls for v in (*call.args, *call.kwargs.values(), call.receiver))
    return frozenset(parts_of_all(given))


@per_program
def nodes(program: Program) -> list[Sym]:
    """Every node of the graph, in the order in which they were made."""
    reached: dict[int, Sym] = {}
    pending = list(parts_of_all(_roots(program)).values())
    while pending:
        node = pending.pop()
        if node.id not in reached:
            reached[node.id] = node
            pending.extend(s for i in node.inputs for s in parts(i))
    return [reached[i] for i in sorted(reached)]


def nodes_of(program: Program, *operations: str) -> list[Sym]:
    """The nodes of some operations, in the order in which they were made."""
    known = _by_operation(program)
    found = [node for operation in set(operations) for node in known.get(operation, ())]
    return found if len(operations) == 1 else sorted(found, key=lambda node: node.id)


@per_program
def _by_operation(program: Program) -> dict[str, list[Sym]]:
    found: dict[str, list[Sym]] = {}
    for node in nodes(program):
        found.setdefault(node.op, []).append(node)
    return found


def _roots(program: Program) -> Iterator[Value]:
    for event in program.machine.trace.events:
        match event:
            case Call():
                yield from (event.result, *event.args, *event.kwargs.values())
            case Binding() | Return() | Store():
                yield event.value
    for one in program.machine.instances:
        if isinstance(one, Instance):
            yield from one.attrs.values()


@per_program
def consumers(program: Program) -> dict[int, list[Sym]]:
    """For the id of every node, the nodes that were computed from it."""
    found: dict[int, list[Sym]] = {}
    for node in nodes(program):
        for one in {s.id: s for i in node.inputs for s in parts(i)}.values():
            found.setdefault(one.id, []).append(node)
    return found
