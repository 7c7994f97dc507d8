"""Gradients of one backward pass that end up in the step of an optimiser for which they were not computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.optimization.gradients import Reach, reach, reach_of, untracked
from aelint.semantics.optimization.parameters import held_by, is_optimizer
from aelint.semantics.optimization.training import Action, Kind, actions, following_round, same_round

__all__ = ["Leak", "behind_cuts", "contested", "leftovers", "switches_parameters", "unasked", "undetached"]


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """A backward pass whose gradients are still there when `step` is taken, and the backward pass that belongs to the step."""

    step: Action
    foreign: Action
    own: Action
    site: Site
    """Where to cut or to clear."""


def leftovers(program: Program) -> Iterator[Leak]:
    """Steps that use what the backward pass of another optimiser left: each clears its own gradients, once its own step is done.

    For instance `loss_g.backward(); opt_g.step(); opt_g.zero_grad(); loss_d.backward(); opt_d.step(); opt_d.zero_grad()`,
    where the loss of the generator reaches the discriminator.
    """
    for step, computed, between in _steps(program):
        foreign, own = computed[0], computed[-1]
        for other in (a for a in between if a.kind is Kind.STEP and foreign.order < a.order < own.order):
            cleared = any(
                a.kind is Kind.CLEAR and a.of is other.of and other.order < a.order < own.order for a in between
            )
            if (
                cleared
                and _are_apart(step, other)
                and reach_of(program)(foreign.of, untracked(program)).live & other.held.owners
            ):
                yield Leak(step, foreign, own, own.event.site)
                break


def undetached(program: Program) -> Iterator[Leak]:
    """Steps that use the gradient of a critic's loss as well, of which one part was detached for it and another was not."""
    for step, other, own, foreign in _late_steps(program):
        if any(_is_cut_off(program, c, step) for c in _judgements(program, foreign, other)):
            site = _entrance(program, foreign, step, other)
            if site is not None:
                yield Leak(step, foreign, own, site)


def contested(program: Program) -> Iterator[Leak]:
    """Steps of a generator that use the gradient of its critic's loss as well, `undetached` ones among them.

    For instance `opt_g.zero_grad(); loss_g.backward(retain_graph=True); opt_d.zero_grad(); loss_d.backward(); opt_g.step()`,
    where the loss of the critic compares what it says of data with what it says of the generator's own output.
    """
    for step, other, own, foreign in _late_steps(program):
        judged = list(_judgements(program, foreign, other))
        generated = [c for c in judged if _comes_from(program, c, step)]
        wanted = reach_of(program)(own.of, untracked(program)).live & other.held.owners
        if wanted and generated and len(generated) < len(judged) and isinstance(foreign.of, Sym):
            # What the critic says of it may be what the generator's own loss is made of: there it is wanted as it is.
            shared = {one.id for one in ancestors(own.of)}
            apart = next((c.site for c in generated if isinstance(c.result, Sym) and c.result.id not in shared), None)
            site = foreign.of.site if apart is None else apart
            if site is not None:
                yield Leak(step, foreign, own, site)


def _late_steps(program: Program) -> Iterator[tuple[Action, Action, Action, Action]]:
    """Steps taken behind the backward pass of another player, for which that player's gradients alone were cleared.

    Each with the step of that player, and with the backward passes of the two.
    """
    for step, computed, between in _steps(program):
        own, foreign = computed[0], computed[-1]
        live = reach_of(program)(foreign.of, untracked(program)).live
        cleared = [a for a in between if a.kind is Kind.CLEAR and own.order < a.order < foreign.order]
        for other in (a for a in actions(program) if a.kind is Kind.STEP and same_round(a.context, step.context)):
            its_own = any(a.of is other.of for a in cleared) and live & other.held.owners
            if its_own and foreign.order < other.order:
                yield step, other, own, foreign
                break


def unasked(program: Program) -> Iterator[Leak]:
    """Steps of a critic that use what the other player's loss left in it as well, where its own loss is cut off from that player.

    For instance `opt_g.zero_grad(); opt_d.zero_grad(); loss_g.backward(); loss_d.backward(); opt_g.step(); opt_d.step()`.
    """
    cuts = untracked(program)
    for step, computed, _ in _steps(program):
        reached = [reach_of(program)(a.of, cuts) for a in computed]
        others = [a for a in actions(program) if a.kind is Kind.STEP and same_round(a.context, step.context)]
        for other in (a for a in others if _are_apart(step, a)):
            both = [a for a, r in zip(computed, reached, strict=True) if r.live & other.held.owners]
            alone = [a for a, r in zip(computed, reached, strict=True) if a not in both]
            behind = [one for a in alone for one in behind_cuts(a.of, cuts)]
            # A weight that comes of the step's own layers as well is no data that another player made.
            apart = any(one & other.held.owners and not one & step.held.owners for one in behind)
            if both and alone and apart and len(both) + len(alone) == len(computed):
                early = _cleared_too_early(program, step, both[0]) if both[0].order < alone[-1].order else None
                yield Leak(step, both[0], alone[-1], both[0].event.site if early is None else early.event.site)
                break


def _cleared_too_early(program: Program, step: Action, foreign: Action) -> Action | None:
    """Where gradients of that optimiser are cleared in the same round, before the other player's loss leaves its own."""
    done = (a for a in reversed(actions(program)) if a.order < foreign.order and a.of is step.of)
    last = next(done, None)
    clears = last is not None and last.kind is Kind.CLEAR and same_round(last.context, foreign.context)
    return last if clears else None


def _steps(program: Program) -> Iterator[tuple[Action, list[Action], list[Action]]]:
    """Steps of known parameters that use several backward passes, with these and with everything since their gradients were cleared."""
    done = actions(program)
    if switches_parameters(program) or any(a.kind in {Kind.OPAQUE, Kind.WRITE} for a in done):
        return
    for position, step in enumerate(done):
        if step.kind is not Kind.STEP or not is_optimizer(step.of) or not step.held.known:
            continue
        between: list[Action] = []
        for action in reversed(done[:position]):
            if action.kind in {Kind.CLEAR, Kind.STEP} and (action.of is step.of or action.held.may_share(step.held)):
                break
            between.insert(0, action)
        else:
            continue
        computed = [a for a in between if a.kind is Kind.BACKWARD and _contributes(program, a, step)]
        if len(computed) > 1 and computed[0].event.site.node is not computed[-1].event.site.node:
            yield step, computed, between


def switches_parameters(program: Program) -> bool:
    """Whether the program takes parameters out of training now and then, which is not followed here."""
    return any(s.name == "requires_grad" for s in program.stores) or any(
        c.method == "requires_grad_" for c in program.calls
    )


def _contributes(program: Program, backward: Action, step: Action) -> bool:
    outer = step.context.loops
    inside = all(a is b for a, b in zip(backward.context.loops, outer, strict=False))  # the same round, or a loop in it
    near = inside or following_round(backward.context, step.context) is not None
    reached = reach_of(program)(backward.of, untracked(program))
    return near and not reached.everything and bool(reached.live & step.held.owners & _asked_for(backward, reached))


def _asked_for(backward: Action, reached: Reach) -> frozenset[int]:
    """What a backward pass leaves gradients in: all that it reaches, or what `inputs=` names alone."""
    match backward.event:
        case Call(kwargs={"inputs": inputs}):
            return frozenset(held_by(inputs).owners)
        case _:
            return reached.live


def _are_apart(step: Action, other: Action) -> bool:
    both_known = is_optimizer(other.of) and other.held.known
    return both_known and other.of is not step.of and not other.held.owners & step.held.owners


def behind_cuts(loss: Value, cuts: frozenset[int]) -> Iterator[frozenset[int]]:
    """The layers behind each `detach`, or behind each of `cuts`, whether or not the loss reaches them on another way, too."""
    for one in ancestors(loss):
        if (one.op == "detach" or one.id in cuts) and one.inputs:
            yield reach(one.inputs[0]).live | ({id(one.layer)} if one.layer is not None else set())


def _entrance(program: Program, foreign: Action, step: Action, other: Action) -> Site | None:
    """The call of the critic that is given a tensor with its gradient."""
    judged = (c for c in _judgements(program, foreign, other) if _comes_from(program, c, step))
    return next((c.site for c in judged), None)


def _judgements(program: Program, foreign: Action, other: Action) -> Iterator[Call]:
    """The calls of the critic whose results the loss uses."""
    loss = foreign.of
    used = {one.id for one in ancestors(loss)} if isinstance(loss, Sym) else set()
    for call in program.calls:
        if call.order > foreign.order or not isinstance(call.callee, (Instance, Object)):
            continue
        if isinstance(call.result, Sym) and call.result.id in used and _is_of(call, other):
            yield call


def _is_cut_off(program: Program, call: Call, step: Action) -> bool:
    """Whether what the critic is given comes from the other player, behind a cut."""
    return not _comes_from(program, call, step) and any(
        behind & step.held.owners for a in call.args for behind in behind_cuts(a, frozenset())
    )


def _comes_from(program: Program, call: Call, step: Action) -> bool:
    return any(reach_of(program)(a, untracked(program)).live & step.held.owners for a in call.args)


def _is_of(call: Call, step: Action) -> bool:
    held = held_by(call.callee)
    return held.known and bool(held.owners) and held.owners <= step.held.owners
