"""Scale heads that a network computes and throws away, where zeros take their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value, elements

__all__ = ["DiscardedHead", "discarded_heads"]

_HALVES = frozenset({"chunk", "split", "tensor_split"})


@dataclass(frozen=True, slots=True, eq=False)
class DiscardedHead:
    """Where zeros are joined to the first half of a layer's output, and where its second half is thrown away."""

    site: Site
    halved: Site


def discarded_heads(program: Program) -> Iterator[DiscardedHead]:
    """Parameters of a posterior, `cat([mean, zeros])`, whose mean is half of a layer's output, with the other half unused."""
    users = consumers(program)
    for call in program.calls_to("cat"):
        parts = elements(call.bound.get("tensors")) or ()
        if len(parts) != 2 or not _are_zeros_like(parts[1], parts[0]) or not isinstance(call.result, Sym):
            continue
        # One of several ways to go, a deterministic one say, may leave the scale out.
        if call.context.guards or not any(user.op in _HALVES for user in users.get(call.result.id, ())):
            continue
        halves = list(_first_halves(parts[0]))
        if halves and all(h is not None and not _is_rest_used(program, h) for h in halves):
            halved = next(h.site for h in halves if h is not None)
            if halved is not None:
                yield DiscardedHead(call.site, halved)


def _are_zeros_like(value: Value, other: Value) -> bool:
    """Whether it is zeros of the other one's size."""
    if not isinstance(value, Sym) or not isinstance(other, Sym) or value.op != "zeros":
        return False
    return other in value.inputs or (value.shape is not None and value.shape == other.shape)


def _first_halves(value: Value, depth: int = 0) -> Iterator[Sym | None]:
    """The halved outputs of layers whose first halves a value is put together from; None for any other part."""
    match value:
        case Sym(op="item", attrs={"index": 0}, inputs=(Sym() as halved, *_)) if halved.op in _HALVES:
            made = source(halved)
            learned = isinstance(made, Sym) and isinstance(made.layer, Object)
            yield halved if learned and halved.attrs.get("chunks", 2) == 2 else None
        case Sym(op="cat" | "stack") if depth < 3:
            for part in elements(value.attrs.get("tensors")) or ():
                yield from _first_halves(part, depth + 1)
        case Sym() if value.op in RESHAPES and depth < 3:
            yield from _first_halves(source(value), depth + 1)
        case _:
            yield None


def _is_rest_used(program: Program, halved: Sym) -> bool:
    """Whether anything is computed from the second half, in this run of the line or another."""
    users = consumers(program)
    runs = nodes_of(program, halved.op)
    alike = [n for n in runs if n.site is not None and halved.site is not None and n.site.node is halved.site.node]
    rest = (
        part for run in alike for part in users.get(run.id, ()) if part.op != "item" or part.attrs.get("index") != 0
    )
    return any(part.op != "item" or part.id in users for part in rest)
