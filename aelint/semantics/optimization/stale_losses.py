"""What is computed once, before the loop that differentiates it in every round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym
from aelint.semantics.optimization.gradients import reach, terms, untracked
from aelint.semantics.optimization.training import Action, Kind, actions, following_round, same_round

__all__ = ["StaleLoss", "stale_losses"]


@dataclass(frozen=True, slots=True, eq=False)
class StaleLoss:
    """A loss or prediction, the backward pass that every round repeats on it, and the step that changes its parameters."""

    computed: Site
    backward: Site
    step: Site
    raises: bool
    """Whether torch refuses the second round, for which the first has left no graph."""


def stale_losses(program: Program) -> Iterator[StaleLoss]:
    """What one round takes the gradient of after the step of the round before has changed the parameters it was computed with."""
    done = actions(program)
    passes = [a for a in done if a.kind is Kind.BACKWARD]
    for first, second in pairwise(passes):
        if (
            first.event.site.node is not second.event.site.node
            or following_round(first.context, second.context) is None
        ):
            continue
        step = _repeated_step(done, first, second)
        if step is None:
            continue
        stale = _stale(first.of, second.of, step) or _stale_term(program, first, second, step)
        if stale is not None and stale.site is not None:
            place, raises = _place(program, stale, first), not _keeps_graph(first)
            yield StaleLoss(place, first.event.site, step.event.site, raises)


def _repeated_step(done: tuple[Action, ...], first: Action, second: Action) -> Action | None:
    """The step between two backward passes that is taken again after the second: a loop over optimisers takes each once."""
    steps = [a for a in done if a.kind is Kind.STEP and a.order > first.order]
    again = {id(a.of) for a in steps if a.order > second.order and same_round(a.context, second.context)}
    return next((a for a in steps if a.order < second.order and id(a.of) in again), None)


def _stale(first: object, second: object, step: Action) -> Sym | None:
    """What both losses were computed from with the parameters of the step, where the second has used them in no other way."""
    if not isinstance(first, Sym) or not isinstance(second, Sym):
        return None
    old = {one.id for one in ancestors(first)}
    new = [one for one in ancestors(second) if one.id not in old]
    if any(_may_use_parameters(one) for one in new):
        return None
    shared = (
        [second] if second is first else [i for one in new for i in one.inputs if isinstance(i, Sym) and i.id in old]
    )
    return next((one for one in shared if reach(one).live & step.held.owners), None)


def _stale_term(program: Program, first: Action, second: Action, step: Action) -> Sym | None:
    """A term of the second loss that was there in the first round, with a gradient for the parameters of the step."""
    before = {one.id for one in terms(first.of)}
    kept = {one.id for one in terms(second.of) if one.id in before}
    old = {one.id for one in ancestors(first.of)}
    shared = (
        i for one in ancestors(second.of) if one.id not in old for i in one.inputs if isinstance(i, Sym) and i.id in old
    )
    whole = (one for one in shared if any(part.id in kept for part in terms(one)))
    return next((one for one in whole if reach(one, untracked(program)).live & step.held.owners), None)


def _keeps_graph(backward: Action) -> bool:
    return isinstance(backward.event, Call) and backward.event.kwargs.get("retain_graph", False) is not False


def _may_use_parameters(value: Sym) -> bool:
    """Whether an operation has weights, is given some, or cannot be read."""
    given = any(isinstance(i, Sym) and i.op == "parameter" for i in value.inputs)
    return given or value.layer is not None or value.op in {"call", "attr", "parameter"}


def _place(program: Program, value: Sym, backward: Action) -> Site:
    """Where the function that goes backward has it computed: the call of what computes it, before the calls of its parts."""
    assert value.site is not None
    own = (c.site for c in program.calls if c.result is value and c.context.stack == backward.context.stack)
    return next(own, value.site)
