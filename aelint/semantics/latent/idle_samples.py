"""Posterior samples that no reconstruction is decoded from, beside a reconstruction that knows nothing of its input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.latent.posteriors import NOISE, Posterior, posteriors
from aelint.semantics.objective.comparisons import comparisons, data_source

__all__ = ["IdleSample", "idle_samples"]


_STARTS = NOISE | {"zeros", "ones", "full"}
"""What takes nothing from a tensor but its shape."""


@dataclass(frozen=True, slots=True, eq=False)
class IdleSample:
    """A sample, what the reconstruction is decoded from in its place, and where that is compared with the data."""

    posterior: Posterior
    decoded: Site
    compared: Site


def idle_samples(program: Program) -> Iterator[IdleSample]:
    """Samples of a posterior of some data, where the output that is compared with these data is made of noise or numbers alone."""
    found = [p for p in posteriors(program) if p.learned and p.mean is not None]
    compared = [(c, c.prediction, c.target) for c in (comparisons(program) if found else ())]
    used = {a.id for _, output, _ in compared if output is not None for a in ancestors(output, _STARTS)}
    for comparison, output, target in compared:
        if output is None or target is None:
            continue
        behind = list(ancestors(output, _STARTS))
        data = {one.id for one in data_source(target)}
        # What is not in sight may hold anything.
        if any(a.id in data or a.op in {"call", "param", "attr", "batch", "name"} for a in behind):
            continue
        start = next((a.site for a in behind if a.op in _STARTS and a.site is not None), None)
        for posterior in found:
            mean = posterior.mean
            of_it = mean is not None and any(a.id in data for a in ancestors(mean))
            if start is not None and of_it and posterior.sample.id not in used:
                yield IdleSample(posterior, start, comparison.site)
                break
