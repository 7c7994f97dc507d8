"""Masks that mark another number of patches as hidden than there are mask tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.trace import Store
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_dim, to_number
from aelint.semantics.variants.masking import mask_tokens

__all__ = ["Miscount", "miscounts"]


@dataclass(frozen=True, slots=True, eq=False)
class Miscount:
    """Where a mask is written and how many patches it marks, and where how many mask tokens are joined."""

    marked: Site
    hidden: Dim
    joined: Site
    tokens: Dim


def miscounts(program: Program) -> Iterator[Miscount]:
    """Masks that are one patch apart from the mask tokens of the same function."""
    joined = [(n.site, count) for n in nodes_of(program, "cat") if (count := mask_tokens(n)) is not None]
    for store in program.stores if joined else ():
        hidden = _marked(store.target, store.index, store.value) if isinstance(store.target, Sym) else None
        for site, tokens in joined if hidden is not None else ():
            apart = dims.sub(hidden, tokens) if hidden is not None else None
            if site is not None and hidden is not None and apart in {1, -1} and _is_in_function_of(store, site):
                yield Miscount(store.site, hidden, site, tokens)


def _is_in_function_of(store: Store, site: Site) -> bool:
    function = store.context.function
    return function is not None and site.lies_in(Site(function.module.unit, function.node))


def _marked(target: Sym, index: Value, value: Value) -> Dim | None:
    """How many entries along the axis that is written to are marked with one."""
    number = to_number(value)
    parts = index if isinstance(index, tuple) else (index,)
    cut = [(axis, part) for axis, part in enumerate(parts) if part != slice(None)]
    match cut:
        case [(axis, slice(step=None) as part)] if number in {0, 1} and target.shape and axis < len(target.shape):
            written = _length(part, target.shape[axis])
        case _:
            return None
    match target.op, number:
        case ("zeros", 1):
            return written
        case ("ones", 0):
            return None if written is None else dims.sub(target.shape[axis], written)
        case _:
            return None


def _length(part: slice, size: Dim) -> Dim | None:
    """How many of `size` entries a slice takes that is open at one end; None where that depends on unknown numbers."""
    if isinstance(size, int) and all(one is None or isinstance(one, int) for one in (part.start, part.stop)):
        return len(range(size)[part])
    match part:
        case slice(start=None | 0, stop=stop) if (end := to_dim(stop)) is not None:
            return end if not isinstance(end, int) else None
        case slice(start=start, stop=None) if (begin := to_dim(start)) is not None:
            return -begin if isinstance(begin, int) and begin < 0 else dims.sub(size, begin)
        case _:
            return None
