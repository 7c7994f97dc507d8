"""Straight-through expressions that keep the value of the latent and the gradient of the vectors, the wrong way round."""

from __future__ import annotations

from collections.abc import Iterator

from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.linear_forms import Linear, linear
from aelint.semantics.variants.quantizers import Lookup, lookups

__all__ = ["turned_estimators"]


def turned_estimators(program: Program) -> Iterator[tuple[Lookup, Sym]]:
    """Every sum `q + (z - q).detach()` of vectors that were taken from a codebook and the latent that they stand for."""
    taken = lookups(program)
    for node in nodes_of(program, "add", "sub") if taken else ():
        form = linear(node)
        if form is not None:
            yield from ((one, node) for one in taken if _is_turned(form, one))


def _is_turned(form: Linear, lookup: Lookup) -> bool:
    vectors = form.get(lookup.node.id)
    latents = (form[z.id] for z in lookup.latents if z.id in form)
    if vectors is None or (vectors.value, vectors.gradient) != (0.0, 1.0):
        return False
    return any((one.value, one.gradient) == (1.0, 0.0) for one in latents)
