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
        row = call.bound.get("input")
        features = to_dim(call.receiver.bound.get("in_features")) if isinstance(call.receiver, Object) else None
        if not isinstance(row, Sym) or not isinstance(features, int) or row.site is None or id(row.site.node) in told:
            continue
        before = row.inputs[0] if row.inputs else None
        match row.shape:
            case (Poly(terms=(((samples,), count),)),) if count == features and is_loaded(samples):
                if isinstance(before, Sym) and before.shape is not None and len(before.shape) > 1:
                    told.add(id(row.site.node))
                    yield JoinedSamples(row.site, before.shape, features, call.site)
            case _:
                pass
