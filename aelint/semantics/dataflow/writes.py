"""Tensors that are made first and filled afterwards: what they were, and every write into them."""

from __future__ import annotations

from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives

__all__ = ["history"]


def history(value: Value) -> tuple[list[Value], list[Sym]]:
    """What a tensor was before anything was written into it, on every branch, and each write."""
    pending: list[Value] = [value]
    fillings: list[Value] = []
    writes: list[Sym] = []
    for one in pending:  # grows while it is read
        match one:
            case Sym(op="setitem", inputs=(earlier, *_)):
                writes.append(one)
                branches = [earlier]
            case Sym(op="phi"):
                branches = alternatives(one)
            case _:
                fillings.append(one)
                continue
        pending += (e for e in branches if all(e is not p for p in pending))
    return fillings, writes
