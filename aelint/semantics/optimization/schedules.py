"""How fast a learning-rate schedule runs: what decays per call, and in which loop it is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Loop
from aelint.semantics.domain.values import DictValue, Instance, ListValue, Object, Sym, Value
from aelint.semantics.optimization.training import Action, Kind, actions, is_unconditional, same_round, scheduled
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

__all__ = ["Decay", "decays_per_batch", "early_schedules", "is_over_batches", "unused_schedules"]

MANY_BATCHES = 1000
"""Batches after which a schedule made for batches has not yet come to its end."""
NOTHING_LEFT = 1e-3
MAX_WRAPPERS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Decay:
    """A schedule that is advanced per batch, and the share of the learning rate that `MANY_BATCHES` leave."""

    action: Action
    scheduler: Object
    left: float


def decays_per_batch(program: Program) -> Iterator[Decay]:
    """Schedules meant for epochs that are advanced after every batch."""
    for action in actions(program):
        if action.kind is not Kind.SCHEDULE or not isinstance(action.of, Object) or action.context.guards:
            continue
        if not _runs_per_batch(action):
            continue
        left = _left_after(action.of, MANY_BATCHES)
        if left is not None and left < NOTHING_LEFT:
            yield Decay(action, action.of, left)


def _runs_per_batch(action: Action) -> bool:
    # Inside an epoch loop, in a loop over batches.
    loops = action.context.loops
    return len(loops) > 1 and is_over_batches(loops[-1])


def is_over_batches(loop: Loop) -> bool:
    """Whether a loop runs over the batches of a loader."""
    return _comes_from_loader(loop.iterable, 0)


def _comes_from_loader(value: Value, depth: int) -> bool:
    # `enumerate(loader)` and `tqdm(loader)` are loops over batches too.
    if depth > MAX_WRAPPERS:
        return False
    match value:
        case Object(name=name):
            return name == "torch.utils.data.DataLoader"
        case Sym(op="batch"):
            return True
        case ListValue(items=items) | tuple(items):
            return any(_comes_from_loader(i, depth + 1) for i in items)
        case Sym(inputs=inputs):
            named = any("loader" in n.lower() for n in (value.name, *value.names))
            return named or any(_comes_from_loader(i, depth + 1) for i in inputs)
        case _:
            return False


def _left_after(scheduler: Object, calls: int) -> float | None:
    given = dict(zip(_parameters(scheduler.name), scheduler.args[1:], strict=False)) | scheduler.kwargs
    gamma, size = given.get("gamma", 0.1), given.get("step_size", 1)
    match scheduler.class_name:
        case "ExponentialLR" if isinstance(gamma, float) and 0 < gamma < 1:
            return float(gamma**calls)
        case "StepLR" if isinstance(gamma, float) and isinstance(size, int) and 0 < gamma < 1 and size > 0:
            return float(gamma ** (calls / size))
        case _:
            return None


def _parameters(name: str) -> tuple[str, ...]:
    return {"ExponentialLR": ("gamma",), "StepLR": ("step_size", "gamma")}.get(name.rsplit(".", 1)[-1], ())


def early_schedules(program: Program) -> Iterator[tuple[Action, Action]]:
    """Schedules that are advanced in a loop before the first step of their optimiser."""
    done = actions(program)
    seen: set[int] = set()
    for schedule in done:
        if schedule.kind is not Kind.SCHEDULE or not isinstance(schedule.of, Object) or id(schedule.of) in seen:
            continue
        seen.add(id(schedule.of))
        optimizer = scheduled(schedule.of)
        loops = schedule.context.loops
        steps = [a for a in done if a.kind is Kind.STEP and a.of is optimizer]
        if not loops or schedule.context.guards or not steps or steps[0].order < schedule.order:
            continue
        if isinstance(schedule.event, Call) and (schedule.event.args or schedule.event.kwargs):
            continue  # `step(epoch)` sets the rate of that epoch, wherever it stands
        if steps[0].context.loops[: len(loops)] == loops:
            yield schedule, steps[0]


def unused_schedules(program: Program) -> Iterator[tuple[Object, Site | None]]:
    """Schedules of optimisers that take steps in a loop, which nothing ever advances, and where their rate is read once per epoch."""
    schedules = [o for o in program.machine.objects if o.name.startswith("torch.optim.lr_scheduler.")]
    if not schedules or program.machine.stopped or _steps_out_of_sight(program):
        return
    done = actions(program)
    advanced = {id(a.of) for a in done if a.kind is Kind.SCHEDULE}
    # A trainer that is built twice is the same code: one whose training is out of sight says nothing of the other.
    places = {id(o.site.node) for o in schedules if id(o) in advanced and o.site is not None}
    given = {id(o) for c in program.calls for o in _objects_in((*c.args, *c.kwargs.values()), 0)}
    # A function that nobody calls here hands it to somebody who may advance it.
    given |= {id(o) for r in program.returns if len(r.context.stack) <= 1 for o in _objects_in(r.value, 0)}
    given |= _replaced(program, advanced)
    for schedule in schedules:
        if id(schedule) in advanced | given or (schedule.site is not None and id(schedule.site.node) in places):
            continue
        optimizer = scheduled(schedule)
        steps = [a for a in done if a.kind is Kind.STEP and a.of is optimizer and a.context.loops]
        if any(_is_set_by_hand(program, a) for a in steps) or _may_come_later(program, schedule):
            continue
        if steps and not (_is_for_a_user(program, schedule) and all(len(a.context.loops) == 1 for a in steps)):
            yield schedule, _reading(program, schedule, steps)


def _may_come_later(program: Program, schedule: Object) -> bool:
    """Whether it has a `step()` that was not reached: in the ten-thousandth round, of which only the first few are followed."""
    names = {kept.name for kept in program.assignments if kept.value is schedule}
    ran = {id(call.site.node) for call in program.calls}
    calls = (call for unit in program.files for call in every(ast.Call, unit.tree) if id(call) not in ran)
    steps = (c.func.value for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "step")
    return any(last_name(of) in names for of in steps)


def _is_set_by_hand(program: Program, step: Action) -> bool:
    """Whether every round of the steps sets the rate itself: `group["lr"] = rate(step)`."""
    loops = [id(loop) for loop in step.context.loops]
    rates = (s for s in program.stores if s.index == "lr" and is_unconditional(s.context, step.context))
    return any([id(loop) for loop in store.context.loops[: len(loops)]] == loops for store in rates)


def _is_for_a_user(program: Program, schedule: Object) -> bool:
    """Whether an object keeps it that nobody here builds: who runs its epochs one by one may advance the schedule between them."""
    kept = (store.target for store in program.stores if store.value is schedule)
    return any(isinstance(one, Instance) and one.symbolic for one in kept)


def _replaced(program: Program, advanced: set[int]) -> set[int]:
    """Ids of what a variable held that holds an advanced schedule as well: the first was for a trial."""
    names = {(id(b.scope), b.name) for b in program.bindings if id(b.value) in advanced}
    return {id(b.value) for b in program.bindings if (id(b.scope), b.name) in names}


def _reading(program: Program, schedule: Object, steps: list[Action]) -> Site | None:
    """Where the rate of a schedule is read, in a loop in whose own rounds no step is taken: where an epoch ends."""
    reads = [c for c in program.calls if c.receiver is schedule and c.method in {"get_last_lr", "get_lr"}]
    ends = (c for c in reads if c.context.loops and not any(same_round(c.context, s.context) for s in steps))
    return next((c.site for c in ends), None)


def _steps_out_of_sight(program: Program) -> bool:
    """Whether a function that nothing entered, a handler given to a decorator say, takes some step."""
    functions = (n for unit in program.files for n in every(ast.FunctionDef, unit.tree))
    idle = (n for n in functions if id(n) not in program.machine.executed)
    calls = (n for function in idle for n in every(ast.Call, function))
    return any(isinstance(call.func, ast.Attribute) and call.func.attr == "step" for call in calls)


def _objects_in(value: Value, depth: int) -> Iterator[Object]:
    if depth > MAX_WRAPPERS:
        return
    match value:
        case Object():
            yield value
        case ListValue(items=items) | tuple(items) | Sym(op="phi", inputs=items):
            for one in items:
                yield from _objects_in(one, depth + 1)
        case DictValue(items=entries):
            for one in entries.values():
                yield from _objects_in(one, depth + 1)
