"""Optimisers that also hold the critic against which they train: their step moves it to be fooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Context
from aelint.semantics.domain.values import Object
from aelint.semantics.optimization.gradients import reach_of, untracked, updates
from aelint.semantics.optimization.leaks import behind_cuts, switches_parameters
from aelint.semantics.optimization.parameters import is_optimizer, is_picked
from aelint.semantics.optimization.training import Action

__all__ = ["MovedCritic", "moved_critics"]


@dataclass(frozen=True, slots=True, eq=False)
class MovedCritic:
    """An optimiser of everything, the critic's own, and the backward pass whose gradient moves the critic as well."""

    optimizer: Site
    critic: Site
    backward: Site


def moved_critics(program: Program) -> Iterator[MovedCritic]:
    """Optimisers whose loss goes through a critic that they hold, where the critic's own loss is cut off from the rest they hold."""
    if switches_parameters(program):
        return
    cuts = untracked(program)
    steps = [
        (update.backward, step)
        for update in updates(program)
        for step in update.steps
        if step.held.known and is_optimizer(step.of) and not is_picked(step.of)
    ]
    told: set[int] = set()
    for judged, critic in steps:
        live = reach_of(program)(judged.of, cuts).live
        made = list(behind_cuts(judged.of, cuts)) if live & critic.held.owners else []
        for backward, step in steps:
            rest = step.held.owners - critic.held.owners
            apart = rest and not live & rest and any(one & rest for one in made)
            if not apart or not critic.held.owners < step.held.owners or id(step.of) in told or backward is judged:
                continue
            # Layers that are trained one after the other first, and together later, play no game.
            if _take_turns(critic.context, step.context):
                through = reach_of(program)(backward.of, cuts)
                if through.live & critic.held.owners and through.live & rest and not through.everything:
                    told.add(id(step.of))
                    yield from _found(step, critic, backward)


def _take_turns(one: Context, other: Context) -> bool:
    """Whether one is stepped in each round of a loop, and the other in the same round, be it several times."""
    shorter = min(len(one.loops), len(other.loops))
    return shorter > 0 and all(a is b for a, b in zip(one.loops[:shorter], other.loops[:shorter], strict=True))


def _found(step: Action, critic: Action, backward: Action) -> Iterator[MovedCritic]:
    match step.of, critic.of:
        case Object(site=Site() as whole), Object(site=Site() as own):
            yield MovedCritic(whole, own, backward.event.site)
