"""Rounds that compute gradients and take a step, and in which nothing clears the gradients: read as text, like the incomplete ones.

What is given to code that cannot be read is followed no further by the interpreter; a loop that never says `zero_grad` is seen here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.optimization.written_rounds import (
    OPTIMIZER,
    TRAINS,
    Function,
    Stretch,
    alternatives,
    definitions,
    is_backward,
    is_handed_around,
    is_method,
    leading_to,
    reachable,
    receiver,
    steps_in,
)
from aelint.syntax.blocks import blocks
from aelint.syntax.names import is_own_attribute, last_name, scopes
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["UnclearedRound", "rounds_without_clearing"]

_MAY_CLEAR = re.compile(r"zero_?grad|clear|reset|hook|callback|^grad$")


@dataclass(frozen=True, slots=True, eq=False)
class UnclearedRound:
    """The backward pass whose gradients are added to older ones, and the step that uses the sum."""

    backward: Site
    step: Site


def rounds_without_clearing(program: Program) -> Iterator[UnclearedRound]:
    """Loops, and functions that loops run, that compute gradients and step in every round, and clear none."""
    for scope in scopes(program.tree):
        for backward, step, name in _used_at_once(scope):
            stretch = _stretch(scope, step)
            if stretch is None or _is_made_in(stretch, name):
                continue
            done = _done(program, stretch, step)
            if (
                done
                and not any(_may_clear(program, n, name, stretch) for n in done)
                and _is_plain(program, stretch, name)
            ):
                yield UnclearedRound(Site(program.unit, backward), Site(program.unit, step))


def _used_at_once(scope: ast.AST) -> Iterator[tuple[ast.Call, ast.Call, str]]:
    """Backward passes with an optimiser's step in the same block."""
    own = {id(n) for n in own_nodes(scope)}
    for block in blocks(scope):
        calls = [s.value for s in block if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and id(s) in own]
        backward = next((c for c in calls if is_backward(c)), None)
        for call in calls:
            name = _stepping(call)
            if backward is not None and OPTIMIZER.search(name):
                yield backward, call, name


def _stepping(call: ast.Call) -> str:
    """The name of the optimiser that a call asks for a step, itself or through a scaler; "" for another call."""
    names = (receiver(call), *(last_name(a) for a in call.args))
    return next((n for n in names if call in steps_in(call, n)), "") if is_method(call, "step") else ""


def _stretch(scope: ast.AST, step: ast.Call) -> Stretch | None:
    """The innermost loop around a step, or the function that it stands in."""
    loops = [n for n in own_nodes(scope) if isinstance(n, (ast.For, ast.While)) and holds(n, step)]
    if loops:
        return loops[-1]
    return scope if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


def _is_made_in(stretch: Stretch, name: str) -> bool:
    """Whether each round has an optimiser of its own, or there is only one round."""
    made = [
        n
        for n in every(ast.Assign, stretch)
        if isinstance(n.value, ast.Call) and last_name(n.value.func) != "optimizers"
    ]
    targets = [*(t for n in made for t in n.targets), *(n.target for n in every(ast.For, stretch))]
    one_round = isinstance(stretch, (ast.For, ast.While)) and isinstance(stretch.body[-1], (ast.Break, ast.Return))
    return one_round or any(last_name(t) == name for target in targets for t in walk(target))


def _done(program: Program, stretch: Stretch, step: ast.Call) -> list[ast.AST]:
    """What a round does, and what leads to it; nothing where it may be the only one."""
    if isinstance(stretch, (ast.For, ast.While)):
        return reachable(program, stretch)
    leading = leading_to(program, stretch)
    repeated = any(isinstance(one, (ast.For, ast.While)) for one, _ in leading)
    if not repeated and not (not leading and _is_a_step_of_its_owner(stretch, step)):
        return []
    return reachable(program, stretch, alternatives(program, stretch)) + [n for _, nodes in leading for n in nodes]


def _is_a_step_of_its_owner(function: Function, step: ast.Call) -> bool:
    """Whether a method for one round is there to be run again: it trains what its object keeps, or a framework runs it."""
    if any(is_method(n, "manual_backward") for n in own_nodes(function)):
        return function.name == "training_step"
    kept = (n for n in every(ast.Attribute, step) if is_own_attribute(n))
    return TRAINS.search(function.name) is not None and any(OPTIMIZER.search(n.attr) for n in kept)


def _may_clear(program: Program, node: ast.AST, name: str, stretch: Stretch) -> bool:
    """Whether gradients are cleared, unless it is another optimiser, which steps as well, that clears its own."""
    if not isinstance(node, (ast.Name, ast.Attribute)) or not _MAY_CLEAR.search(last_name(node)):
        return False
    owner = last_name(node.value) if isinstance(node, ast.Attribute) else ""
    if last_name(node) == "zero_grad" and owner != name and OPTIMIZER.search(owner) and steps_in(stretch, owner):
        return False
    computed = last_name(node) == "grad" and owner in {"", "autograd"}
    return not computed and last_name(node) not in definitions(program)


def _is_plain(program: Program, stretch: Stretch, name: str) -> bool:
    """Whether the optimiser is none that the project wrote itself, and nothing out of sight, or another function, clears its gradients."""
    known = definitions(program)
    for unit in program.files:
        for node in walk(unit.tree):
            match node:
                case ast.Assign(targets=targets, value=ast.Call(func=maker)) if any(
                    last_name(t) == name for t in targets
                ):
                    if any(isinstance(one, ast.ClassDef) for one in known.get(last_name(maker), ())):
                        return False
                case ast.Attribute(attr="zero_grad", value=of) if last_name(of) == name:
                    if not isinstance(stretch, (ast.For, ast.While)):
                        return False
                case _:
                    pass
    return not is_handed_around(program, name, scaled=True)
