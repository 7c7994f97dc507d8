"""Terms of a sum that are known by what they are, each with the operation that turns its sign round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["signed_terms"]

Known = TypeVar("Known")


def signed_terms(
    value: Value, known: Callable[[Sym], Known], through: frozenset[str] = frozenset()
) -> Iterator[tuple[Known, Sym | None]]:
    """What `known` makes of the terms that it knows, with the operation that subtracts each; None where it is added.

    The sum is followed through signs, factors, and the operations in `through`, which keep the sign.
    """
    pending: list[tuple[Value, Sym | None]] = [(value, None)]
    seen: set[int] = set()
    for one, turned in pending:  # grows while it is read
        if not isinstance(one, Sym) or one.id in seen:
            continue
        seen.add(one.id)
        if found := known(one):
            yield found, turned
            continue
        match one.op, one.inputs:
            case "add", (left, right):
                pending += [(left, turned), (right, turned)]
            case "sub", (left, right):
                pending += [(left, turned), (right, one if turned is None else None)]
            case "neg", (inner,):
                pending.append((inner, one if turned is None else None))
            case "mul" | "truediv", (left, right):
                number = next((n for n in map(to_number, (left, right)) if n is not None), 1.0)
                flipped = (one if turned is None else None) if number < 0 else turned
                pending += [(left, flipped), (right, flipped)]
            case op, (inner, *_) if op in through:
                pending.append((inner, turned))
