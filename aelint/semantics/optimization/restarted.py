"""Optimisers that are built anew in the rounds of a loop that trains one model throughout."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object
from aelint.semantics.optimization.parameters import is_optimizer
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, holds, walk

__all__ = ["RestartedOptimizer", "restarted_optimizers"]

_REMEMBER = frozenset({"Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta"})
_GOES_ON = re.compile(r"^(_|i|it|ep|e|n|t|b|batch|step|x|data|img|imgs)$|epoch|iter|batch|step|image", re.IGNORECASE)
"""Names of what counts rounds of one training; tasks, folds and stages begin another."""
_BEGINS_ANEW = re.compile(r"load_state_dict|reset|init|apply|requires_grad|freeze|deepcopy", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class RestartedOptimizer:
    """Where it is built, the loop that builds it, and its step; `for_each_batch` if no further loop lies between."""

    site: Site
    loop: Site
    step: Site
    kind: str
    for_each_batch: bool


def restarted_optimizers(program: Program) -> Iterator[RestartedOptimizer]:
    """Each of them once, where the loop changes nothing that it is built of."""
    seen: set[int] = set()
    for call in program.calls:
        made, loops = call.result, call.context.loops
        if not isinstance(made, Object) or not is_optimizer(made) or not loops or id(call.site.node) in seen:
            continue
        loop = loops[-1].node
        if (
            call.site.unit is not program.unit
            or not isinstance(loop, ast.For)
            or not isinstance(call.site.node, ast.Call)
        ):
            continue
        name = _kept_in(loop, call.site.node)
        step = _step(loop, name) if name is not None and _remembers(made) and _trains_on(loop) else None
        if step is None or _is_changed(loop, call.site.node):
            continue
        between = [n for n in every(ast.For, loop) if n is not loop and holds(n, step)]
        if len(between) <= 1 and not any(_counts(n) for n in between):
            seen.add(id(call.site.node))
            unit = program.unit
            yield RestartedOptimizer(call.site, Site(unit, loop), Site(unit, step), made.class_name, not between)


def _counts(loop: ast.For) -> bool:
    """Whether a loop takes a number of steps, as a fit does, and no batches."""
    return isinstance(loop.iter, ast.Call) and last_name(loop.iter.func) in {"range", "trange"}


def _remembers(optimizer: Object) -> bool:
    if optimizer.class_name == "SGD":
        momentum = optimizer.kwargs.get("momentum", 0)
        return isinstance(momentum, (int, float)) and momentum > 0
    return optimizer.class_name in _REMEMBER


def _trains_on(loop: ast.For) -> bool:
    return any(_GOES_ON.search(last_name(t)) for t in walk(loop.target) if isinstance(t, ast.Name))


def _kept_in(loop: ast.For, call: ast.Call) -> str | None:
    """The name that a statement of the loop itself gives the optimiser: no branch decides on it."""
    for statement in loop.body:
        match statement:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value) if value is call:
                return last_name(target)
            case _:
                pass
    return None


def _step(loop: ast.For, name: str) -> ast.Call | None:
    """The step that is taken in the loop with gradients that are computed in it."""
    calls = every(ast.Call, loop)
    methods = [c for c in calls if isinstance(c.func, ast.Attribute)]
    computed = any(last_name(c.func) in {"backward", "manual_backward"} for c in methods)
    steps = (
        c
        for c in methods
        if last_name(c.func) == "step" and name in {last_name(getattr(c.func, "value", c)), *map(last_name, c.args)}
    )
    return next(steps, None) if computed else None


def _is_changed(loop: ast.For, call: ast.Call) -> bool:
    """Whether the loop sets, or sets back, anything that the optimiser is built of."""
    given = [n for a in (*call.args, *(k.value for k in call.keywords)) for n in walk(a)]
    read = {last_name(n) for n in given if isinstance(n, (ast.Name, ast.Attribute))}
    for node in walk(loop):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store) and last_name(node) in read:
            return True
        if isinstance(node, ast.Call) and _BEGINS_ANEW.search(last_name(node.func)):
            of = [node.func, *node.args]
            if any(last_name(n) in read for one in of for n in walk(one) if isinstance(n, (ast.Name, ast.Attribute))):
                return True
    return any(_is_command(statement, read) for statement in loop.body)


def _is_command(statement: ast.stmt, names: set[str]) -> bool:
    """Whether a statement of the loop itself tells the model to do something: `model.prune()`, but not `model.train()`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=of, attr=name))):
            return last_name(of) in names and name not in _HARMLESS
        case _:
            return False


_HARMLESS = frozenset({"train", "eval", "zero_grad", "to", "cuda", "float", "double"})
