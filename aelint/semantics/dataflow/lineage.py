"""Where a tensor came from: through reshapes, along its inputs, over joined branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives

__all__ = [
    "RESHAPES",
    "adds_axes",
    "ancestors",
    "ancestors_of_any",
    "depends_on",
    "origins",
    "source",
    "through",
    "through_reshapes",
]

RESHAPES = frozenset(
    {
        "view", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "expand",
        "contiguous", "clone", "to", "cpu", "cuda", "float", "double", "half", "identity", "einops.rearrange",
    }
)  # fmt: skip
"""Operations that hand their tensor on with every value as it was."""


def source(value: Value) -> Value:
    """The tensor argument of an operation, None if it has none."""
    if not isinstance(value, Sym):
        return None
    first = value.attrs.get("input")
    return first if isinstance(first, Sym) else value.inputs[0] if value.inputs else None


def through(value: Value, operations: AbstractSet[str]) -> Value:
    """The first tensor behind a value that another operation made; the last known one where they were made of no tensor."""
    while isinstance(value, Sym) and value.op in operations and isinstance(inner := source(value), Sym):
        value = inner
    return value


def through_reshapes(value: Value) -> Value:
    """The tensor whose values this one holds, before it was only reshaped, copied or moved."""
    return through(value, RESHAPES)


def adds_axes(value: Sym) -> bool:
    """Whether indexing only adds axes of one entry: `z[:, None]`, `z[None]`."""
    if value.op not in {"getitem", "item"} or "index" not in value.attrs:
        return False
    index = value.attrs["index"]
    return all(i is None or i == slice(None) for i in (index if isinstance(index, tuple) else (index,)))


def origins(value: Value, limit: int = 8) -> list[Value]:
    """`through_reshapes` over every branch that was joined."""
    found: list[Value] = []
    pending = [value]
    while pending and len(found) < limit:
        one = through_reshapes(pending.pop())
        parts = alternatives(one)
        if parts == [one] or any(p is one for p in parts):
            found.append(one)
        else:
            pending.extend(parts)
    return found


def ancestors(value: Value, stop: frozenset[str] = frozenset()) -> Iterator[Sym]:
    """The value and everything it was computed from, each once, nearest first; not beyond operations in `stop`."""
    return ancestors_of_any((value,), stop) if isinstance(value, Sym) else iter(())


def ancestors_of_any(values: Iterable[Value], stop: frozenset[str] = frozenset()) -> Iterator[Sym]:
    """The values and everything that any of them was computed from, each once; not beyond operations in `stop`."""
    pending: list[Sym] = []
    seen: set[int] = set()
    for value in values:
        if isinstance(value, Sym) and value.id not in seen:
            seen.add(value.id)
            pending.append(value)
    for one in pending:  # grows while it is read
        yield one
        if one.op not in stop:
            for inner in one.inputs:
                if isinstance(inner, Sym) and inner.id not in seen:
                    seen.add(inner.id)
                    pending.append(inner)


def depends_on(value: Value, other: Sym) -> bool:
    """Whether `other` takes part in the value."""
    if not isinstance(value, Sym):
        return False
    pending, seen = [value], {value.id}
    for one in pending:  # grows while it is read
        if one is other:
            return True
        for inner in one.inputs:
            # Whatever was made before `other` was computed without it.
            if isinstance(inner, Sym) and inner.id >= other.id and inner.id not in seen:
                seen.add(inner.id)
                pending.append(inner)
    return False
