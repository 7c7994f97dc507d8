"""Faulty orders of training actions: what happens to an optimiser's gradients between backward and step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from aelint.semantics.dataflow.lineage import depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.optimization.accumulation import hasty_steps
from aelint.semantics.optimization.gradients import reach
from aelint.semantics.optimization.parameters import is_optimizer
from aelint.semantics.optimization.training import Action, Kind, actions, following_round, is_unconditional, same_round
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

__all__ = [
    "Disorder",
    "accumulating",
    "cleared_early",
    "early_clips",
    "gradients_behind_the_loop",
    "idle_optimizers",
    "late_clips",
    "misdirected_clips",
    "repeated_steps",
    "steps_behind_the_loop",
]

_GRADIENTS_CHANGE = frozenset({Kind.CLEAR, Kind.WRITE, Kind.OPAQUE})


@dataclass(frozen=True, slots=True, eq=False)
class Disorder:
    """Actions that stand in the wrong order: the one to move, and the ones it is judged by."""

    action: Action
    step: Action
    backward: Action


def _steps(program: Program) -> Iterator[list[Action]]:
    by_optimizer: dict[int, list[Action]] = {}
    for action in actions(program):
        if action.kind is Kind.STEP and not _has_closure(action):
            by_optimizer.setdefault(id(action.of), []).append(action)
    yield from by_optimizer.values()


def _has_closure(step: Action) -> bool:
    # `optimizer.step(closure)` clears and differentiates inside of the closure.
    call = step.event
    return isinstance(call, Call) and call.receiver is step.of and bool(call.args or call.kwargs)


def _between(program: Program, first: Action, last: Action) -> list[Action]:
    return [a for a in actions(program) if first.order < a.order < last.order]


def accumulating(program: Program) -> Iterator[Disorder]:
    """A loop that computes gradients and takes steps, and in which nothing clears that optimiser's gradients."""
    # Where the clearing waits for a number of rounds, the sum is meant, and a step that does not wait is the fault.
    hasty = {id(one.step.node) for one in hasty_steps(program)}
    for steps in _steps(program):
        for first, second in pairwise(steps):
            depth = following_round(first.context, second.context)
            if depth is None or _are_alternatives(first, second):
                continue
            if hasty & {id(first.event.site.node), id(second.event.site.node)}:
                continue
            between = _between(program, first, second)
            if any(a.kind in _GRADIENTS_CHANGE and a.touches(second) for a in between):
                continue
            new_round = second.context.loops[: depth + 1]
            computed = [a for a in between if a.kind is Kind.BACKWARD and a.context.loops[: depth + 1] == new_round]
            if computed:
                yield Disorder(computed[-1], second, computed[-1])


def _are_alternatives(one: Action, other: Action) -> bool:
    # Whether a run accumulates over several batches is a setting: no run goes from one branch to the other.
    guards = one.context.guards
    return any(g.test is h.test and g.taken is not h.taken for g in guards for h in other.context.guards)


def cleared_early(program: Program) -> Iterator[Disorder]:
    """Gradients that are cleared after they were computed and before the step that needs them.

    The step of the disorder stands in the round of the backward pass, or (the step precedes the backward
    pass in the loop's body) in the next.
    """
    for steps in _steps(program):
        for step in steps:
            found = _cleared_before(program, step)
            if found is not None:
                yield found


def _cleared_before(program: Program, step: Action) -> Disorder | None:
    clear: Action | None = None
    for action in reversed([a for a in actions(program) if a.order < step.order]):
        if action.kind in {Kind.CLIP, Kind.SCHEDULE}:
            continue
        if action.kind is Kind.CLEAR and (action.of is step.of or action.held.covers(step.held)):
            if not is_unconditional(action.context, step.context):
                return None
            clear = clear or action
        elif action.kind is Kind.BACKWARD:
            return _disorder(clear, step, action)
        elif action.touches(step):
            return None
    return None


def _disorder(clear: Action | None, step: Action, backward: Action) -> Disorder | None:
    if clear is None or not same_round(clear.context, step.context):
        return None
    near = same_round(backward.context, clear.context) or following_round(backward.context, clear.context) is not None
    return Disorder(clear, step, backward) if near else None


def steps_behind_the_loop(program: Program) -> Iterator[Disorder]:
    """Steps taken once after a loop that computes gradients in every round and clears them in the next."""
    for steps in _steps(program):
        for step in steps:
            history = [a for a in actions(program) if a.order < step.order and _concerns(a, step)]
            if len(history) < 4:  # two rounds of clear and backward
                continue
            first, clear, second = history[-3:]
            kinds = [a.kind for a in history[-3:]]
            if (
                kinds != [Kind.BACKWARD, Kind.CLEAR, Kind.BACKWARD]
                or first.event.site.node is not second.event.site.node
            ):
                continue
            depth = following_round(first.context, second.context)
            left = depth is not None and step.context.loops == second.context.loops[:depth]
            if left and is_unconditional(clear.context, second.context):
                yield Disorder(step, step, second)


def gradients_behind_the_loop(program: Program) -> Iterator[Disorder]:
    """Backward passes and steps after a loop that clears gradients and computes a new loss in every round: the last one counts."""
    for steps in _steps(program):
        for step in steps:
            history = [a for a in actions(program) if a.order < step.order and _concerns(a, step)]
            match history[-3:]:
                case [first, clear, backward] if [a.kind for a in history[-3:]] == [
                    Kind.CLEAR,
                    Kind.CLEAR,
                    Kind.BACKWARD,
                ]:
                    depth = following_round(first.context, clear.context)
                    outer = clear.context.loops[:depth] if first.event.site.node is clear.event.site.node else None
                    behind = depth is not None and backward.context.loops == step.context.loops == outer
                    if behind and _is_computed_anew(backward.of):
                        yield Disorder(clear, step, backward)
                case _:
                    pass


def _is_computed_anew(loss: Value) -> bool:
    """Whether it is one of the values that the rounds of a loop gave, and no sum of them."""
    rounds = [one for one in alternatives(loss) if isinstance(one, Sym)]
    places = {id(one.site.node) for one in rounds if one.site is not None}
    apart = not any(depends_on(a, b) for a in rounds for b in rounds if a is not b)
    return len(rounds) > 1 and len(places) == 1 and apart


def repeated_steps(program: Program) -> Iterator[Disorder]:
    """Steps that use the gradients of one backward pass a second time: `scaler.step(optimizer)` and `optimizer.step()`.

    The action of the disorder is the one to leave out: of a step and a scaler's step, the one that does not ask the scaler.
    """
    for steps in _steps(program):
        for first, second in pairwise(steps):
            backward = _used_up(program, first) if _follows(second, first) else None
            between = _between(program, first, second)
            if backward is None or any(a.kind is Kind.BACKWARD or _has_part_in(a, second) for a in between):
                continue
            plain, other = (first, second) if _asks_a_scaler(second) and not _asks_a_scaler(first) else (second, first)
            yield Disorder(plain, other, backward)


def _follows(second: Action, first: Action) -> bool:
    """Whether each time that the second runs, the first has run in the same round, and has not failed."""
    if first.event.site.node is second.event.site.node or not same_round(first.context, second.context):
        return False
    handlers = {id(g.test) for g in second.context.guards if isinstance(g.test, ast.ExceptHandler)}
    within = {id(g.test) for g in first.context.guards}
    return handlers <= within and is_unconditional(first.context, second.context)


def _used_up(program: Program, step: Action) -> Action | None:
    """The backward pass whose gradients a step uses, where both stand in one round and nothing is done to them but clipping."""
    before = [
        a for a in actions(program) if a.order < step.order and (a.kind is Kind.BACKWARD or _has_part_in(a, step))
    ]
    near = bool(before) and before[-1].kind is Kind.BACKWARD and same_round(before[-1].context, step.context)
    return before[-1] if near else None


def _has_part_in(action: Action, step: Action) -> bool:
    return action.kind in _GRADIENTS_CHANGE and action.touches(step)


def _asks_a_scaler(step: Action) -> bool:
    return isinstance(step.event, Call) and step.event.receiver is not step.of


def _concerns(action: Action, step: Action) -> bool:
    return action.kind is Kind.BACKWARD or (action.kind not in {Kind.CLIP, Kind.SCHEDULE} and action.touches(step))


def late_clips(program: Program) -> Iterator[Disorder]:
    """Gradients that are clipped between a step and the next time that they are computed, cleared meanwhile or not."""
    for clip in (a for a in actions(program) if a.kind is Kind.CLIP):
        near = [a for a in actions(program) if _concerns(a, clip)]
        before = [a for a in near if a.order < clip.order and a.kind is not Kind.CLEAR]
        after = [a for a in near if a.order > clip.order]
        if len(before) < 2 or before[-1].kind is not Kind.STEP:
            continue
        step = before[-1]
        computed = [a for a in before if a.kind is Kind.BACKWARD and same_round(a.context, step.context)]
        together = same_round(step.context, clip.context) and step.context.stack[-1:] == clip.context.stack[-1:]
        if computed and together and not (after and after[0].kind in {Kind.STEP, Kind.OPAQUE}):
            yield Disorder(clip, step, computed[-1])


def early_clips(program: Program) -> Iterator[Disorder]:
    """Gradients that are clipped between being cleared and being computed, and not again before the step."""
    for clip in (a for a in actions(program) if a.kind is Kind.CLIP):
        before = [a for a in actions(program) if a.order < clip.order and _concerns(a, clip)]
        after = [a for a in actions(program) if a.order > clip.order and (_concerns(a, clip) or a.kind is Kind.CLIP)]
        if not before or len(after) < 2 or before[-1].kind is not Kind.CLEAR:
            continue
        backward, step = after[:2]
        rounds = (before[-1], backward, step)
        if (backward.kind, step.kind) == (Kind.BACKWARD, Kind.STEP) and all(
            same_round(a.context, clip.context) and is_unconditional(a.context, clip.context) for a in rounds
        ):
            yield Disorder(clip, step, backward)


def misdirected_clips(program: Program) -> Iterator[Disorder]:
    """Gradients that are clipped between a backward pass and the step of other parameters, and cleared before their own."""
    done = [a for a in actions(program) if a.kind is not Kind.SCHEDULE]
    for position, clip in enumerate(done[1:-1], start=1):
        backward, step = done[position - 1], done[position + 1]
        around = (backward.kind, clip.kind, step.kind) == (Kind.BACKWARD, Kind.CLIP, Kind.STEP)
        if not around or not all(same_round(a.context, clip.context) for a in (backward, step)):
            continue
        used = any(a.kind is Kind.STEP and _in_round_with(a, clip) for a in done[:position])
        after = next((a for a in done[position + 1 :] if a.kind is not Kind.BACKWARD and a.touches(clip)), None)
        if used and (after is None or after.kind is Kind.CLEAR):
            yield Disorder(clip, step, backward)


def _in_round_with(action: Action, clip: Action) -> bool:
    return action.touches(clip) and same_round(action.context, clip.context)


def idle_optimizers(program: Program) -> Iterator[tuple[Action, Action]]:
    """Optimisers that never take a step: where their gradients are cleared, in a loop that computes them, and the backward pass.

    Another optimiser steps in that loop, or nothing in the program's text takes a step at all.
    """
    done = actions(program)
    if program.machine.stopped or any(a.kind is Kind.OPAQUE for a in done):
        return
    stepping = [a for a in done if a.kind is Kind.STEP]
    if not stepping and _mentions_steps(program):
        return
    for clear in (a for a in done if a.kind is Kind.CLEAR and is_optimizer(a.of)):
        held = clear.held
        trained = any(not s.held.known or s.held.owners & held.owners for s in stepping)
        alone = not stepping and bool(clear.context.loops)
        if not held.known or trained or not (alone or any(same_round(clear.context, s.context) for s in stepping)):
            continue
        backward = next((a for a in done if _trains(a, clear) and (alone or a.order > clear.order)), None)
        if backward is not None:
            yield clear, backward


def _trains(backward: Action, clear: Action) -> bool:
    """Whether a backward pass in the round of a clearing gives gradients to what that optimiser holds."""
    near = backward.kind is Kind.BACKWARD and same_round(backward.context, clear.context)
    return near and bool(reach(backward.of).live & clear.held.owners)


def _mentions_steps(program: Program) -> bool:
    """Whether anything but a schedule is asked for its `step`, be it in code that was not entered."""
    named = (n for unit in program.files for n in every(ast.Attribute, unit.tree) if n.attr.endswith("step"))
    return any("sched" not in last_name(n.value).lower() for n in named)
