"""The KL divergence between Bernoulli laws, written out as a sparsity penalty on average activations.

With the target rate p and the average q, per unit (Ng, CS294A lecture notes, 2011):

    KL(p || q) = p log p - p log q + (1 - p) log (1 - p) - (1 - p) log (1 - q)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import ONE, Leaf, Log

__all__ = ["BrokenDivergence", "broken_divergences", "compared_rates", "remainder"]


@dataclass(frozen=True, slots=True, eq=False)
class BrokenDivergence:
    """A divergence that its constant and one of its logarithms show, while the weight of the other logarithm does not fit."""

    node: Sym
    rate: float
    on_average: float
    """The coefficient of `log q`, which should be `-rate`."""
    on_rest: float
    """The coefficient of `log (1 - q)`, which should be `rate - 1`."""


def broken_divergences(program: Program) -> Iterator[BrokenDivergence]:
    """Sums of a constant, `log q` and `log (1 - q)`, whose constant fits the weight of one logarithm alone."""
    algebra = algebra_of(program)
    for node in nodes_of(program, "add", "sub"):
        if node.site is not None:
            found = _parts(algebra, node)
            rate = _rate(*found) if found is not None else None
            if found is not None and rate is not None:
                yield BrokenDivergence(node, rate, found[0], found[1])


def compared_rates(program: Program) -> Iterator[tuple[Sym, Sym]]:
    """Divergences that are right, each with what it takes for the average activation."""
    algebra = algebra_of(program)
    for node in nodes_of(program, "add", "sub"):
        found = _parts(algebra, node) if node.site is not None else None
        if found is None or not 0 < -found[0] < 1 or not math.isclose(-found[0], 1 + found[1], rel_tol=1e-4):
            continue
        given = [through(source(a), RESHAPES | {"clamp"}) for a in ancestors(node) if a.op == "log"]
        rates = [g for g in given if isinstance(g, Sym) and g.op != "sub"]
        if len(rates) == 1 and math.isclose(_entropy(-found[0]), found[2], rel_tol=1e-4):
            yield node, rates[0]


def _parts(algebra: Algebra, node: Sym) -> tuple[float, float, float] | None:
    """What stands before `log q`, before `log (1 - q)`, and alone."""
    form = algebra.form(node) or {}
    if len(form) != 3 or ONE not in form:
        return None
    average: tuple[object, float] | None = None
    rest: tuple[object, float] | None = None
    for product, coefficient in form.items():
        match list(product):
            case [(Log(of=Leaf(key=Sym() as q)), 1.0)]:
                average = (q, coefficient)
            case [(Leaf(key=Sym(op="log") as log), 1.0)]:
                rest = (remainder(algebra, source(log)), coefficient)
    if average is None or rest is None or average[0] is not rest[0]:
        return None
    return average[1], rest[1], form[ONE]


def remainder(algebra: Algebra, value: object) -> Sym | None:
    """`q` in `1 - q`."""
    form = algebra.form(value) or {}
    leaves = [(p, c) for p, c in form.items() if p != ONE]
    if form.get(ONE) is None or abs(form[ONE] - 1) > 1e-3 or len(leaves) != 1 or leaves[0][1] != -1:
        return None
    match list(leaves[0][0]):
        case [(Leaf(key=Sym() as q), 1.0)]:
            return q
        case _:
            return None


def _rate(on_average: float, on_rest: float, constant: float) -> float | None:
    """The rate that the constant and one of the weights agree on, where the other weight is not the rest of it."""
    rates = [-on_average, 1 + on_rest]
    fitting = [p for p in rates if 0 < p < 1 and math.isclose(_entropy(p), constant, rel_tol=1e-4)]
    return fitting[0] if fitting and not math.isclose(*rates, rel_tol=1e-4) else None


def _entropy(p: float) -> float:
    return p * math.log(p) + (1 - p) * math.log(1 - p)
