"""Learning-rate schedules whose numbers do not fit: counted in other units than they are advanced in, or without effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import is_number
from aelint.semantics.optimization.parameters import is_optimizer
from aelint.semantics.optimization.schedules import is_over_batches
from aelint.semantics.optimization.training import Action, Kind, actions, scheduled
from aelint.syntax.walk import walk

__all__ = ["Misfit", "doubled_schedules", "flat_schedules", "foreign_units"]

_PREFIX = "torch.optim.lr_scheduler."
_PERIODS = {"CosineAnnealingLR": "T_max", "StepLR": "step_size", "CosineAnnealingWarmRestarts": "T_0"}


@dataclass(frozen=True, slots=True, eq=False)
class Misfit:
    """A schedule, what is wrong with it, and the place that shows it."""

    schedule: Object
    text: str
    shown: Site


def _given(schedule: Object, name: str, place: int) -> Value:
    return schedule.kwargs.get(name, schedule.args[place] if len(schedule.args) > place else None)


def _kind(schedule: Object) -> str:
    return schedule.name.removeprefix(_PREFIX)


def _schedules(program: Program) -> list[Object]:
    return [o for o in program.machine.objects if o.name.startswith(_PREFIX) and o.site is not None]


def foreign_units(program: Program) -> Iterator[Misfit]:
    """Schedules whose period counts batches and that advance once per epoch."""
    advanced: dict[int, list[Action]] = {}
    for action in actions(program):
        if action.kind is Kind.SCHEDULE:
            advanced.setdefault(id(action.of), []).append(action)
    for schedule in _schedules(program):
        period = _given(schedule, _PERIODS[_kind(schedule)], 1) if _kind(schedule) in _PERIODS else None
        steps = [a for a in advanced.get(id(schedule), []) if a.context.loops]
        if not steps:
            continue
        per_epoch = not any(is_over_batches(loop) for a in steps for loop in a.context.loops)
        if _is_number_of_batches(period) and per_epoch and _trains_in_batches(program, steps[0]):
            text = f"`{_PERIODS[_kind(schedule)]}` counts the batches of an epoch, and the schedule is advanced once per epoch"
            yield Misfit(schedule, text, steps[0].event.site)


def _is_number_of_batches(value: Value) -> bool:
    match value:
        case Sym(op="len", inputs=(Object(name="torch.utils.data.DataLoader"),)):
            return True
        case Sym(op="len", inputs=(Sym() as counted,)):
            return any("loader" in n.lower() for n in (counted.name, *counted.names))
        case _:
            return False


def _trains_in_batches(program: Program, step: Action) -> bool:
    """Whether the loop that advances the schedule holds a loop over batches."""
    outer = step.context.loops[-1].node
    return any(
        loop.node is outer and any(is_over_batches(inner) for inner in a.context.loops[depth + 1 :])
        for a in actions(program)
        if a.kind is Kind.BACKWARD
        for depth, loop in enumerate(a.context.loops)
    )


def flat_schedules(program: Program) -> Iterator[Misfit]:
    """Schedules that leave the learning rate where it is, or that have no whole number of steps."""
    for schedule in _schedules(program):
        optimizer = scheduled(schedule)
        rate = _rate(optimizer)
        shown = schedule.site
        assert shown is not None
        match _kind(schedule):
            case "StepLR":
                size = _given(schedule, "step_size", 1)
                if isinstance(size, float) and 0 < size < 1:
                    yield Misfit(schedule, f"`step_size` is {size:g}: a step has no whole number of epochs", shown)
            case "CosineAnnealingLR" | "CosineAnnealingWarmRestarts":
                least = _given(schedule, "eta_min", 2 if _kind(schedule) == "CosineAnnealingLR" else 3)
                known = rate is not None and is_number(least)
                if known and rate is not None and least >= rate > 0:
                    text = f"`eta_min` is {least:g}, and the learning rate starts at {rate:g}: it never falls"
                    yield Misfit(schedule, text, optimizer.site or shown)


def _rate(optimizer: Value) -> float | None:
    """The learning rate of an optimiser whose parameters form one group."""
    if not (isinstance(optimizer, Object) and is_optimizer(optimizer)):
        return None
    node = optimizer.site.node if optimizer.site is not None else None
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    rate = optimizer.kwargs.get("lr", optimizer.args[1] if len(optimizer.args) > 1 else None)
    plain = (
        first is not None and not any(isinstance(n, ast.Dict) for n in walk(first)) and not isinstance(first, ast.Name)
    )
    return float(rate) if plain and is_number(rate) else None


def doubled_schedules(program: Program) -> Iterator[Misfit]:
    """Second schedules of one kind for an optimiser, beside an optimiser that steps as well and has none."""
    done = actions(program)
    stepping = {id(a.of): a.of for a in done if a.kind is Kind.STEP and a.context.loops and is_optimizer(a.of)}
    if program.machine.stopped or len(stepping) < 2:
        return
    by_optimizer: dict[int, list[Object]] = {}
    for schedule in _schedules(program):
        by_optimizer.setdefault(id(scheduled(schedule)), []).append(schedule)
    bare = [o for key, o in stepping.items() if key not in by_optimizer]
    for key, own in by_optimizer.items():
        twins = [s for s in own[1:] if s.name == own[0].name and _numbers(s) == _numbers(own[0])]
        if key in stepping and twins and len(bare) == 1 and bare[0].site is not None:
            text = "the optimiser is one that has this schedule already, while another one has none"
            yield Misfit(twins[0], text, bare[0].site)


def _numbers(schedule: Object) -> list[str]:
    node = schedule.site.node if schedule.site is not None else None
    return [ast.unparse(a) for a in (*node.args[1:], *node.keywords)] if isinstance(node, ast.Call) else []
