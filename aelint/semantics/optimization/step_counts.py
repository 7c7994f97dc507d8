"""How many steps a schedule is told that there are, wherever on the way to it the number is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import taken
from aelint.semantics.domain.trace import Call
from aelint.semantics.optimization.schedules import is_over_batches
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

__all__ = ["EpochsAsSteps", "epochs_as_steps"]

_STEPS = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "updates"})
_OTHERWISE = frozenset({"warmup", "warm", "per", "every", "size", "start", "initial", "epoch", "epochs"})
"""What makes a number of steps another one than that of all steps."""
_POSITIONS = {
    "CosineAnnealingLR": ("", "T_max"),
    "PolynomialLR": ("", "total_iters"),
    "OneCycleLR": ("", "", "total_steps"),
    "get_linear_schedule_with_warmup": ("", "", "num_training_steps"),
    "get_cosine_schedule_with_warmup": ("", "", "num_training_steps"),
    "get_polynomial_decay_schedule_with_warmup": ("", "", "num_training_steps"),
}
"""What torch and transformers call the arguments that may be given by their place."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochsAsSteps:
    """A parameter for the number of steps, the argument that counts epochs instead, and the step after every batch."""

    parameter: str
    given: Site
    advanced: Site


def epochs_as_steps(program: Program) -> Iterator[EpochsAsSteps]:
    """Schedules that advance after every batch, and whose number of steps is written as the rounds around the batches are."""
    advanced: dict[int, list[Action]] = {}
    for action in actions(program):
        if action.kind is Kind.SCHEDULE and action.context.loops:
            advanced.setdefault(id(action.of), []).append(action)
    for call in program.calls if advanced else ():
        steps = advanced.get(id(call.result), [])
        if not steps or not all(_is_per_batch(a) for a in steps):
            continue
        for parameter, given in _counts(call):
            if _counts_epochs(given.node, steps[0]):
                yield EpochsAsSteps(parameter, given, steps[0].event.site)


def _is_per_batch(action: Action) -> bool:
    return any(is_over_batches(loop) for loop in action.context.loops)


def _counts(made: Call) -> Iterator[tuple[str, Site]]:
    """Arguments for the number of all steps: of what makes the schedule, and of the functions in which that happens."""
    yield from _arguments(made.site, _POSITIONS.get(made.name.rpartition(".")[2], ()))
    for activation in made.context.stack:
        if activation.site is not None and not activation.is_entry:
            yield from _arguments(activation.site, taken(activation))


def _arguments(site: Site, names: Sequence[str]) -> Iterator[tuple[str, Site]]:
    node = site.node
    if not isinstance(node, ast.Call):
        return
    placed = zip(names, node.args, strict=False)
    for name, value in (*placed, *((k.arg or "", k.value) for k in node.keywords)):
        if _is_of_all_steps(name):
            yield name, Site(site.unit, value)


def _is_of_all_steps(name: str) -> bool:
    words = set(name.lower().split("_"))
    return name == "T_max" or (bool(words & _STEPS) and not words & _OTHERWISE)


def _counts_epochs(given: ast.AST, step: Action) -> bool:
    """Whether a number is written like the number of rounds of a loop around the batches."""
    name = last_name(given)
    around = takewhile(lambda loop: not is_over_batches(loop), step.context.loops)
    ends = (end for loop in around if isinstance(loop.node, ast.For) for end in _range_end(loop.node.iter))
    return bool(name) and any(last_name(end) == name for end in ends)


def _range_end(rounds: ast.expr) -> Iterator[ast.expr]:
    """What ends a range; without the 1 of `range(1, epochs + 1)`."""
    for call in every(ast.Call, rounds):
        if last_name(call.func) in {"range", "trange"} and call.args:
            match call.args[-1]:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=1)):
                    yield left
                case end:
                    yield end
