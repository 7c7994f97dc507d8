"""Weights of divergences that are zero in every round of the loop that they are counted up by."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.terms import divergences

__all__ = ["IdleWeight", "idle_weights"]

_MOST_ROUNDS = 10_000
_OPERATIONS: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "min": min,
    "max": max,
}


@dataclass(frozen=True, slots=True, eq=False)
class IdleWeight:
    """A weight, the loop whose rounds it is computed from, and whether it drops a remainder."""

    site: Site
    counter: Site
    rounds: range
    divided: bool


def idle_weights(program: Program) -> Iterator[IdleWeight]:
    """Weights of a divergence that no round makes anything but zero, wherever the loop is run from; each place once."""
    found: dict[int, list[IdleWeight | None]] = {}
    for objective in (one for one in objectives(program) if one.called):
        for site, idle in _weights(objective):
            found.setdefault(id(site.node), []).append(idle)
    for every_time in found.values():
        first = every_time[0]
        if first is not None and None not in every_time:
            yield first


def _weights(objective: Objective) -> list[tuple[Site, IdleWeight | None]]:
    """Where weights of divergences are computed, and why each is idle, if so; none is where some divergence counts all the same."""
    # Of a sum of weights, each weighs the divergence in a term of its own.
    weights = [[(w, w.site) for w in term.weights if isinstance(w, Sym) and w.site] for term in divergences(objective)]
    terms = [[(site, _idle(weight, site)) for weight, site in one] for one in weights]
    counts = any(all(idle is None for _, idle in one) for one in terms)
    return [(site, None if counts else idle) for one in terms for site, idle in one]


def _idle(weight: Sym, site: Site) -> IdleWeight | None:
    behind = list(ancestors(weight))
    match [one for one in behind if one.op == "element"]:
        case [Sym(attrs={"range": range() as rounds}, site=Site() as at) as counter] if 0 < len(rounds) <= _MOST_ROUNDS:
            divided = any(one.op == "floordiv" for one in behind)
            idle = all(_worth(weight, counter, number) == 0 for number in rounds)
            return IdleWeight(site, at, rounds, divided) if idle else None
        case _:
            return None


def _worth(value: Value, counter: Sym, number: int) -> float | None:
    """What a number comes to in one round; None where more than arithmetic makes it."""
    match value:
        case int() | float():
            return value
        case Sym() if value is counter:
            return number
        case Sym(op=op, inputs=inputs) if op in _OPERATIONS:
            known = [n for one in inputs if (n := _worth(one, counter, number)) is not None]
            try:
                return _OPERATIONS[op](*known) if len(known) == len(inputs) else None
            except (ArithmeticError, TypeError):
                return None
        case _:
            return None
