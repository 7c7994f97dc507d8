"""Batches that are flattened together with their samples, in front of a layer that takes the features of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Object, Shape, Sym
from aelint.semantics.operators.api import to_dim
from aelint.semantics.operators.batches import is_loaded

__all__ = ["JoinedSamples", "joined_samples"]


@dataclass(frozen=True, slots=True, eq=False)
class JoinedSamples:
    """A flattening of `before` to one row, the number of features of a sample, and the layer that takes as many."""

    site: Site
    before: Shape
    features: int
    taken: Site


def joined_samples(program: Program) -> Iterator[JoinedSamples]:
    """Rows of a whole batch of a loader that go into a linear layer built for one sample; each flattening once."""
    told: set[int] = set()
    for call in program.calls_to("linear"):
        features = to_dim(call.receiver.bound.get("in_features")) if isinstance(call.receiver, Object) else None
        match call.bound.get("input"):
            case Sym(shape=(Poly(terms=(((samples,), count),)),)) as row if count == features and is_loaded(samples):
                flat, before = _flattening(row)
                if flat.site is not None and before and id(flat.site.node) not in told:
                    told.add(id(flat.site.node))
                    yield JoinedSamples(flat.site, before, count, call.site)
            case _:
                pass


def _flattening(row: Sym) -> tuple[Sym, Shape | None]:
    """The step that made one axis of several, and the shape before it."""
    before = row.inputs[0] if row.inputs else None
    if not isinstance(before, Sym) or before.shape is None:
        return row, None
    return (row, before.shape) if len(before.shape) > 1 else _flattening(before)
