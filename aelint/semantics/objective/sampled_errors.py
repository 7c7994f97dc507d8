"""Squared errors of reconstructions that are drawn with a spread of the decoder's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import given_at
from aelint.semantics.latent.posteriors import Posterior, posteriors
from aelint.semantics.objective.comparisons import comparisons

__all__ = ["SampledError", "sampled_errors"]

_SQUARED = frozenset({"mse_loss", "squared"})


@dataclass(frozen=True, slots=True, eq=False)
class SampledError:
    """Where a reconstruction is drawn, and where the draw is compared with the data."""

    drawn: Site
    compared: Site


def sampled_errors(program: Program) -> Iterator[SampledError]:
    """`(x - (mean + exp(logvar / 2) * noise)) ** 2`, where mean and log-variance are decoded from a latent sample."""
    draws = {p.sample.id: p for p in posteriors(program) if p.law is not None and p.law.exponential}
    for one in comparisons(program) if draws else ():
        drawn = draws.get(through_reshapes(one.prediction).id) if one.prediction is not None else None
        if one.kind in _SQUARED and drawn is not None and _is_decoded(drawn, draws):
            yield SampledError(given_at(program, drawn.sample) or drawn.site, one.site)


def _is_decoded(drawn: Posterior, draws: dict[int, Posterior]) -> bool:
    """Whether both parameters of the draw were computed from another one, the latent sample."""
    return all(
        any(a.id in draws for a in ancestors(parameter))
        for parameter in (drawn.mean, drawn.head)
        if parameter is not None
    )
