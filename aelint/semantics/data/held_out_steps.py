"""Steps that an optimiser takes in a loop over held-out data, as if the training loop had been copied to evaluate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Loop
from aelint.semantics.domain.values import Sym
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.names import last_name
from aelint.syntax.walk import holds, walk

__all__ = ["HeldOutStep", "held_out_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutStep:
    """The step, the name of the held-out data that its loop goes through, and the same optimiser's step in training."""

    site: Site
    data: str
    training: Site
    evaluating: Site


def held_out_steps(program: Program) -> Iterator[HeldOutStep]:
    """Steps in a loop over held-out data, after a switch to evaluation, by an optimiser that also takes steps elsewhere."""
    steps = [a for a in actions(program) if a.kind is Kind.STEP and a.context.loops]
    switches = [
        c for c in program.method_calls("eval", "train") if is_module(c.receiver) or isinstance(c.receiver, Sym)
    ]
    for step in steps if switches else ():
        data = _held_out(step)
        training = next((a for a in steps if a.of is step.of and not _is_in(step.context.loops[-1], a)), None)
        switch = max((c for c in switches if c.order < step.order), key=lambda c: c.order, default=None)
        if data and training is not None and switch is not None and _evaluates(switch):
            yield HeldOutStep(step.event.site, data, training.event.site, switch.site)


def _held_out(step: Action) -> str:
    """The name of the held-out data that the innermost loop around a step goes through; "" if that is something else."""
    loop = step.context.loops[-1].node
    if not isinstance(loop, ast.For) or not holds(loop, step.event.site.node):
        return ""
    if any(holds(loop, guard.test) for guard in step.context.guards):
        return ""
    names = [name for node in walk(loop.iter) if (name := last_name(node) or _key(node))]
    held_out = [name for name in names if is_held_out_name(name)]
    return held_out[0] if held_out and not any(map(is_training_name, names)) else ""


def _key(node: ast.AST) -> str:
    """The name of a split by which a loader is taken: `loaders["val"]`."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case _:
            return ""


def _is_in(loop: Loop, step: Action) -> bool:
    return any(one.node is loop.node for one in step.context.loops)


def _evaluates(switch: Call) -> bool:
    return switch.method == "eval" or switch.args[:1] == (False,)
