"""Sparsity penalties that take in the reconstruction: its mean is drawn to the target rate, away from the data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import ancestors, source, through, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.formulas.equality import same_values
from aelint.semantics.objective.comparisons import comparisons
from aelint.syntax.walk import every, holds

__all__ = ["PenalisedOutput", "penalised_outputs"]


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedOutput:
    """Where the penalty goes over layers, or is computed, and where the output is compared with data."""

    site: Site
    compared: Site


def penalised_outputs(program: Program) -> Iterator[PenalisedOutput]:
    """Average activations, each held to a target rate, that are averages of what a loss compares with data."""
    rates = [rate for node in nodes_of(program, "log") if (rate := _average(source(node))) is not None]
    found = [c for c in comparisons(program) if c.prediction is not None]
    for rate in rates:
        whole = source(rate)
        if rate.site is None:
            continue
        given = (whole, through(whole, frozenset({"sigmoid"})))
        compared = next((c for c in found if any(same_values(c.prediction, one) for one in given)), None)
        if compared is not None:
            yield PenalisedOutput(_layers_of(rate.site, rates), compared.site)


def _average(value: Value) -> Sym | None:
    """`q` in `rho / q`, the average of something by a rate that no layer computes."""
    match value:
        case Sym(op="truediv", attrs={"input": rate, "other": Sym() as divisor}):
            average = through_reshapes(divisor)
            given = isinstance(rate, (int, float)) or not any(one.layer is not None for one in ancestors(rate))
            return average if isinstance(average, Sym) and average.op == "mean" and given else None
        case _:
            return None


def _layers_of(site: Site, rates: list[Sym]) -> Site:
    """What the innermost loop around the place goes through, where it takes several rates there; else the place."""
    several = len({r.id for r in rates if r.site is not None and r.site.node is site.node}) > 1
    loops = [n for n in every(ast.For, site.unit.tree) if holds(n, site.node)] if several else []
    return Site(site.unit, loops[-1].iter) if loops else site
