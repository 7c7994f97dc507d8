"""Predictions that a loop writes into a tensor of zeros from its second step on, and losses that take in the first one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.writes import history
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.comparisons import is_output
from aelint.semantics.objective.losses import LOSSES, reduction_word
from aelint.semantics.operators.api import to_int

__all__ = ["UnwrittenStep", "unwritten_steps"]

_LAID_OUT = RESHAPES | {"log_softmax", "softmax", "sigmoid"}


@dataclass(frozen=True, slots=True, eq=False)
class UnwrittenStep:
    """A loss, or the change of layout in front of it, that takes steps before `first`, which is the first one `written`."""

    site: Site
    first: int
    written: Site


def unwritten_steps(program: Program) -> Iterator[UnwrittenStep]:
    """Losses of whole sequences of predictions whose first steps are zeros that no prediction replaces."""
    users = consumers(program)
    for loss in program.calls_to(*LOSSES):
        taken, steps = loss.site, loss.bound.get("input")
        while isinstance(steps, Sym) and steps.op in _LAID_OUT:
            taken, steps = steps.site or taken, source(steps)
        fillings, writes = history(steps)
        first = _first(writes)
        if not first or not all(isinstance(one, Sym) and one.op == "zeros" for one in fillings):
            continue
        predicted = all(isinstance(w.inputs[1], Sym) and is_output(w.inputs[1]) for w in writes)
        site = None if _are_read(fillings, writes, users) else writes[0].site
        if predicted and site is not None and reduction_word(loss) in {"mean", "sum"}:
            yield UnwrittenStep(taken, first, site)


def _first(writes: list[Sym]) -> int | None:
    """The first place that is written, if all writes go along one axis and their places are known."""
    chosen = [_chosen(w.attrs.get("index")) for w in writes]
    places = [_smallest(one[1]) if one is not None else None for one in chosen]
    axes = {one[0] for one in chosen if one is not None}
    known = [p for p in places if p is not None]
    return min(known) if known and len(known) == len(places) and len(axes) == 1 else None


def _chosen(index: Value) -> tuple[int, Value] | None:
    """The axis that is not taken as a whole, and the place along it."""
    parts = index if isinstance(index, tuple) else (index,)
    taken = [(axis, p) for axis, p in enumerate(parts) if p != slice(None)]
    return taken[0] if len(taken) == 1 and taken[0][1] is not Ellipsis else None


def _smallest(place: Value) -> int | None:
    match place:
        case Sym(op="element", inputs=(Sym(op="range", inputs=(start, _, *_)), *_)):
            return to_int(start)
        case _:
            return to_int(place)


def _are_read(fillings: list[Value], writes: list[Sym], users: dict[int, list[Sym]]) -> bool:
    """Whether steps are read while they are written: then the first one is where the sequence starts."""
    made = [*(f for f in fillings if isinstance(f, Sym)), *writes]
    return any(user.op == "getitem" for one in made for user in users.get(one.id, ()))
