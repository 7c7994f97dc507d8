"""Schedules of the learning rate that begin anew where a run is taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Object
from aelint.semantics.optimization.parameters import is_optimizer

__all__ = ["UnrestoredSchedule", "unrestored_schedules"]

_SCHEDULES = "torch.optim.lr_scheduler."


@dataclass(frozen=True, slots=True, eq=False)
class UnrestoredSchedule:
    """A schedule, and where the state of its optimiser is loaded; `late` if it is built behind that, which sets the rate back."""

    made: Site
    loaded: Site
    late: bool


def unrestored_schedules(program: Program) -> Iterator[UnrestoredSchedule]:
    """Schedules that are stepped in training, whose optimiser goes on from a checkpoint and which do not."""
    loads = program.method_calls("load_state_dict")
    if any(s.index == "lr" for s in program.stores):
        return  # the rate is set by hand
    for schedule in program.machine.objects:
        optimizer = schedule.args[0] if schedule.args else schedule.kwargs.get("optimizer")
        if not _counts(schedule) or not isinstance(optimizer, Object) or not is_optimizer(optimizer):
            continue
        resumed = [c for c in loads if c.receiver is optimizer]
        steps = {id(c.site.node) for c in program.method_calls("step") if c.receiver is schedule and not c.args}
        if not resumed or len(steps) != 1:
            continue
        made = next((c for c in program.calls if c.result is schedule), None)
        if made is None:
            continue
        late = made.order > resumed[-1].order
        restored = any(_is_of_a_schedule(c) for c in loads)
        if late or not restored:
            yield UnrestoredSchedule(made.site, resumed[-1].site, late)


def _counts(schedule: Object) -> bool:
    """Whether it is a schedule of torch that starts with its first step, and none that only warms up."""
    if not schedule.name.startswith(_SCHEDULES):
        return False
    given = (*schedule.args[1:], *schedule.kwargs.values())
    warms_up = any(isinstance(one, Function) and "warm" in one.name for one in given)
    return not warms_up and not schedule.kwargs.keys() & {"last_epoch", "**"}


def _is_of_a_schedule(call: Call) -> bool:
    return isinstance(call.receiver, Object) and call.receiver.name.startswith(_SCHEDULES)
