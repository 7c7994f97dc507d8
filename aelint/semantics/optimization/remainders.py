"""Batches at the end of an epoch that are too few for a step, and whose gradients the next epoch clears."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import looped_loaders, samples_in
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Guard
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.operators.api import to_int
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.walk import every

__all__ = ["Remainder", "remainders"]


@dataclass(frozen=True, slots=True, eq=False)
class Remainder:
    """A condition that lets the optimiser step after every `period` of `batches`, and what clears those that are left over."""

    test: Site
    clear: Site
    batches: int
    period: int


def remainders(program: Program) -> Iterator[Remainder]:
    """Loops over a known number of batches that is no multiple of the batches of a step, as far as the rest is cleared."""
    for step in actions(program):
        guard = _waits(step)
        loaders = looped_loaders(step.context.loops[-1]) if guard is not None else []
        if guard is None or len(loaders) != 1:
            continue
        anew = _starts_anew(step.context.loops[-1].node, guard.test)
        batches, period = _batches(loaders[0]), _period(guard, loaders[0], anew)
        clear = _cleared_after(program, step) if batches and period and batches % period else None
        if batches and period and clear is not None:
            yield Remainder(Site(program.unit, guard.test), clear.event.site, batches, period)


def _batches(loader: Object) -> int | None:
    """How many batches an epoch certainly has."""
    chosen = any(loader_argument(loader, name) is not None for name in ("sampler", "batch_sampler"))
    size, samples = to_int(loader_argument(loader, "batch_size", 1)), samples_in(loader)
    if chosen or "**" in loader.kwargs or not size or samples is None:
        return None
    match loader_argument(loader, "drop_last", False):
        case False:
            return math.ceil(samples / size)
        case True:
            return samples // size
        case _:
            return None


def _waits(step: Action) -> Guard | None:
    """The only condition, asked in the first round of a loop, under which a step is taken."""
    loops, guards = step.context.loops, step.context.guards
    waits = step.kind is Kind.STEP and bool(loops) and loops[-1].round == 0 and len(guards) == 1 and guards[0].taken
    return guards[0] if waits and isinstance(guards[0].test, ast.Compare) else None


def _period(guard: Guard, loader: Object, starts_anew: bool) -> int | None:
    """How many batches a step waits for: `(i + 1) % n == 0`, or a count of samples, from zero each time, that has grown to n."""
    match guard.value:
        case Sym(op="eq", inputs=(Sym(op="mod", inputs=(Sym(op="add", inputs=(_, 1)), int(period))), 0)):
            return period or None
        case Sym(op="ge", inputs=(Poly() | Sym(kind="size"), int(samples))) if starts_anew:
            size = to_int(loader_argument(loader, "batch_size", 1))
            return math.ceil(samples / size) if size else None
        case _:
            return None


def _starts_anew(loop: ast.AST, test: ast.AST) -> bool:
    """Whether the branch that a test leads to sets what is compared to zero."""
    branch = next((one for one in every(ast.If, loop) if one.test is test), None)
    count = ast.unparse(test.left) if isinstance(test, ast.Compare) else ""
    sets = [s for s in branch.body if isinstance(s, ast.Assign)] if branch is not None else []
    return any(
        isinstance(s.value, ast.Constant) and s.value.value == 0 and count in map(ast.unparse, s.targets) for s in sets
    )


def _cleared_after(program: Program, step: Action) -> Action | None:
    """What clears the gradients outside of the step's loop later on, unless a step is taken outside of it, too."""
    inner = step.context.loops[-1].node
    outside = [a for a in actions(program) if all(loop.node is not inner for loop in a.context.loops)]
    if any(a.kind in {Kind.STEP, Kind.OPAQUE, Kind.WRITE} and a.touches(step) for a in outside):
        return None
    return next((a for a in outside if a.kind is Kind.CLEAR and a.order > step.order and a.touches(step)), None)
