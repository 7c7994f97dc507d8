"""What a recorded value was computed from, and what was computed from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from pytest_aecheck.probes.trace import Value

__all__ = ["ancestors", "descendants"]


def ancestors(value: Value) -> set[int]:
    """Indices of the calls from which a value was computed."""
    found: set[int] = set()
    stack = [value]
    while stack:
        call = stack.pop().producer
        if call is not None and call.index not in found:
            found.add(call.index)
            stack.extend(call.inputs)
    return found


def descendants(values: Iterable[Value], without: Collection[int] = ()) -> Iterator[Value]:
    """The values and all that was computed from them, each once, but on no way through those of the ids `without`."""
    stack, seen = list(values), set(without)
    while stack:
        value = stack.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            stack.extend(output for call in value.consumers for output in call.outputs)
