"""Noise that is drawn with the standard deviation of the posterior and then multiplied by it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.program import Program
from aelint.semantics.formulas.algebra import algebra_of
from aelint.semantics.latent.posteriors import Posterior, is_learned, law_of, posteriors

__all__ = ["ScaledTwice", "scaled_twice"]


@dataclass(frozen=True, slots=True, eq=False)
class ScaledTwice:
    """A draw, and the sum in which it is used as if it were standard normal noise."""

    draw: Posterior
    used: Site


def scaled_twice(program: Program) -> Iterator[ScaledTwice]:
    """Sums `mean + scale * draw` of a draw that has that scale already: `mu + std * torch.normal(0, std)`."""
    algebra, users = algebra_of(program), graph.consumers(program)
    for draw in (p for p in posteriors(program) if p.law is not None):
        assert draw.law is not None
        for product in (u for u in users.get(draw.sample.id, ()) if u.op == "mul"):
            law = next((law_of(algebra, i) for i in product.inputs if i is not draw.sample), None)
            if law is None or law.head is not draw.law.head:
                continue
            for total in (u for u in users.get(product.id, ()) if u.op in {"add", "sub"}):
                mean = next((i for i in total.inputs if i is not product), None)
                if total.site is not None and is_learned(mean) and (mean is draw.mean or not is_learned(draw.mean)):
                    yield ScaledTwice(draw, total.site)
