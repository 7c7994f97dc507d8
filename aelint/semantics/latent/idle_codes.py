"""Codes that no reconstruction is decoded from, beside a reconstruction that knows nothing of its input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.posteriors import NOISE, is_learned, posteriors
from aelint.semantics.objective.comparisons import comparisons, data_source

__all__ = ["IdleCode", "idle_codes"]


_STARTS = (NOISE - {"normal", "bernoulli"}) | {"zeros", "ones", "full"}
"""What takes nothing from a tensor but its shape; a law's mean, and its probabilities, may be made of the data."""


@dataclass(frozen=True, slots=True, eq=False)
class IdleCode:
    """A code, what the reconstruction is decoded from in its place, and where that is compared with the data."""

    code: Sym
    sampled: bool
    """Whether it is the sample of a posterior."""
    decoded: Site
    compared: Site


def idle_codes(program: Program) -> Iterator[IdleCode]:
    """Codes of some data, where the output that is compared with these data is made of noise or numbers alone.

    A code is the sample of a posterior, or what weights make of the data and what lends the noise its shape.
    """
    compared = [(c, c.prediction, c.target) for c in comparisons(program)]
    used = {a.id for _, output, _ in compared if output is not None for a in ancestors(output, _STARTS)}
    for comparison, output, target in compared:
        if output is None or target is None:
            continue
        behind = list(ancestors(output, _STARTS))
        data = {one.id for one in data_source(target)}
        # What is not in sight may hold anything.
        if any(a.id in data or a.op in {"call", "param", "attr", "batch", "name"} for a in behind):
            continue
        started = next(((a, a.site) for a in behind if a.op in _STARTS and a.site is not None), None)
        if started is None:
            continue
        start, decoded = started
        for code, seen, sampled in _codes(program, start):
            if any(a.id in data for a in ancestors(seen)) and code.id not in used:
                yield IdleCode(code, sampled, decoded, comparison.site)
                break


def _codes(program: Program, start: Sym) -> Iterator[tuple[Sym, Sym, bool]]:
    """What may be a code, what it is made from the data by, and whether it is a sample."""
    for one in posteriors(program):
        if one.learned and one.mean is not None:
            yield one.sample, one.mean, True
    like = start.attrs.get("input", start.inputs[0] if start.inputs else None)
    if isinstance(like, Sym) and is_learned(like):
        yield like, like, False
