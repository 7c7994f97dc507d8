"""Training rounds that clear the gradients of an optimiser and lack the rest: no step uses them, or no backward pass makes them.

A program is read as text here: what a round does is what its loop holds, and what the functions hold that are called in it.
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
    Stretch,
    alternatives,
    backward_in,
    definitions,
    is_handed_around,
    is_method,
    leading_to,
    position,
    reachable,
    receiver,
    steps_in,
)
from aelint.syntax.blocks import blocks
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["IncompleteRound", "optimizers_without_step", "rounds_without_backward", "rounds_without_step"]

_SCHEDULE = re.compile(r"sched|lr|anneal|warm|decay", re.IGNORECASE)
_BACKWARD = re.compile(r"backward|autograd|^grad$|value_and_grad|grad_and_value|vjp")
_LOSS = re.compile(r"loss|cost|elbo|objective", re.IGNORECASE)
_KEEPS_A_LOSS = frozenset(
    "append extend add update log info debug print write add_scalar add_scalars set_postfix set_description format float "
    "sum mean item items isnan isinf isfinite len str round log_dict".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class IncompleteRound:
    """The call that is left without its counterpart, the one that clears the gradients, and the name of the optimiser."""

    site: Site
    clear: Site
    optimizer: str


def rounds_without_step(program: Program) -> Iterator[IncompleteRound]:
    """Loops and functions that clear and compute gradients, and in which nothing takes a step."""
    for clear, name, around in _cleared(program):
        stretch = next((one for one in around if backward_in(one)), None)
        if stretch is None or not _is_left_without(program, stretch, clear):
            continue
        # Reading the whole project for a name is dear: only for a round that lacks something.
        if not is_handed_around(program, name) and not _is_stepped_by_a_framework(program, name):
            yield _round(program, backward_in(stretch)[0], clear)


def optimizers_without_step(program: Program) -> Iterator[IncompleteRound]:
    """Optimisers of a round in which another one steps, that nothing in the program asks for a step."""
    told: set[str] = set()
    for clear, name, around in _cleared(program):
        stretch = around[-1]
        behind = any(position(b) > position(clear) for b in backward_in(stretch))
        steps = [n for n in own_nodes(stretch) if _is_step(program, n)]
        if name in told or not behind or not steps or not _is_kept_here(program, name):
            continue
        if not is_handed_around(program, name, everywhere=True):
            told.add(name)
            yield _round(program, clear, clear)


def _is_kept_here(program: Program, name: str) -> bool:
    """Whether the name is given to what the program itself makes and to nothing else, and is never asked for a step."""
    made = False
    for unit in program.files:
        for node in walk(unit.tree):
            match node:
                case ast.arg(arg=given) if given == name:
                    return False
                case ast.Attribute(value=value, attr=attribute) if "step" in attribute and last_name(value) == name:
                    return False
                case ast.Assign(targets=targets, value=ast.Call()):
                    made = made or any(last_name(t) == name for target in targets for t in walk(target))
                case _:
                    pass
    return made


def _is_left_without(program: Program, stretch: Stretch, clear: ast.Call) -> bool:
    """Whether nothing steps: neither the loop and what follows it, nor a function and whatever leads to it."""
    if isinstance(stretch, (ast.For, ast.While)):
        done = reachable(program, stretch)
        behind = (node for scope in scopes(program.tree) if holds(scope, stretch) for node in own_nodes(scope))
        return not any(_is_step(program, node) or _reads_gradients(node) for node in (*done, *behind))
    backward, done = backward_in(stretch)[0], reachable(program, stretch, alternatives(program, stretch))
    if position(backward) < position(clear) or any(_is_step(program, n) or _reads_gradients(n) for n in done):
        return False
    leading = leading_to(program, stretch)
    if not leading and not TRAINS.search(stretch.name):
        return False
    return not any(_is_step(program, n) or _reads_gradients(n) for _, one in leading for n in one)


def rounds_without_backward(program: Program) -> Iterator[IncompleteRound]:
    """Loops and functions that clear gradients, compute a loss and take a step, and in which nothing computes gradients."""
    for clear, name, around in _cleared(program):
        stretch = next((one for one in around if steps_in(one, name)), None)
        if stretch is None or not _has_loss(stretch):
            continue
        step, between = _straight_on(stretch, clear, name)
        if step is None and isinstance(stretch, (ast.For, ast.While)):
            step, between = steps_in(stretch, name)[0], [stretch]
        done = [node for one in between for node in reachable(program, one)]
        if step is None or any(
            _computes_gradients(n) or _reads_gradients(n) or _takes_a_loss(program, n) for n in done
        ):
            continue
        if not any(_is_out_of_sight(program, n) for n in done) or not is_handed_around(program, name):
            yield _round(program, step, clear)


def _straight_on(stretch: Stretch, clear: ast.Call, name: str) -> tuple[ast.Call | None, list[ast.stmt]]:
    """The step that follows the clearing in the same block, and the statements between the two."""
    for block in blocks(stretch):
        place = next((i for i, s in enumerate(block) if isinstance(s, ast.Expr) and s.value is clear), None)
        if place is not None:
            for end, statement in enumerate(block[place:], start=place):
                steps = steps_in(statement, name) if isinstance(statement, ast.Expr) else []
                if steps:
                    return steps[0], block[place + 1 : end]
    return None, []


def _is_out_of_sight(program: Program, node: ast.AST) -> bool:
    """Whether something is called that is neither of the project nor known to leave gradients alone."""
    if not isinstance(node, ast.Call):
        return False
    called = last_name(node.func)
    return called not in definitions(program) and called not in _KEEPS_A_LOSS


def _round(program: Program, left: ast.AST, clear: ast.Call) -> IncompleteRound:
    assert isinstance(clear.func, ast.Attribute)
    return IncompleteRound(Site(program.unit, left), Site(program.unit, clear), ast.unparse(clear.func.value))


def _cleared(program: Program) -> Iterator[tuple[ast.Call, str, list[Stretch]]]:
    """The calls of an optimiser's `zero_grad` in the entry file, with the loops around them, inner ones first, or the function."""
    for scope in scopes(program.tree):
        own = own_nodes(scope)
        for clear in (n for n in own if is_method(n, "zero_grad")):
            assert isinstance(clear, ast.Call)
            name = receiver(clear)
            around = [n for n in own if isinstance(n, (ast.For, ast.While)) and holds(n, clear)]
            over_it = any(isinstance(n, ast.For) and name in {last_name(t) for t in walk(n.target)} for n in around)
            rounds: list[Stretch] = [*around[::-1]]
            if not rounds and not isinstance(scope, ast.Module):
                rounds.append(scope)
            if OPTIMIZER.search(name) and rounds and not over_it:
                yield clear, name, rounds


def _has_loss(stretch: ast.AST) -> bool:
    targets = (t for n in every(ast.Assign, stretch) for t in n.targets)
    return any(_LOSS.search(last_name(t)) for target in targets for t in walk(target))


def _is_step(program: Program, node: ast.AST) -> bool:
    """Whether anything but a schedule is asked for a step, under whatever name; what is in sight is looked into instead."""
    if not isinstance(node, ast.Call):
        return False
    called = last_name(node.func)
    named = called == "step" or ("step" in called.lower() and called not in definitions(program))
    return named and not _SCHEDULE.search(receiver(node))


def _reads_gradients(node: ast.AST) -> bool:
    """Whether gradients are used, or made, by hand or by a hook."""
    return isinstance(node, ast.Attribute) and (node.attr == "grad" or "hook" in node.attr)


def _computes_gradients(node: ast.AST) -> bool:
    named = isinstance(node, (ast.Name, ast.Attribute))
    return named and _BACKWARD.search(last_name(node)) is not None


def _takes_a_loss(program: Program, node: ast.AST) -> bool:
    """Whether a loss is given to something that is not in sight, and may differentiate it."""
    if not isinstance(node, ast.Call):
        return False
    called = last_name(node.func)
    given = (last_name(a) for a in (*node.args, *(k.value for k in node.keywords)))
    known = called in _KEEPS_A_LOSS or called in definitions(program) or _is_of_torch(node.func)
    return not known and any(_LOSS.search(name) for name in given)


def _is_of_torch(function: ast.expr) -> bool:
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in {"torch", "nn", "F", "np", "numpy", "wandb"}


def _is_stepped_by_a_framework(program: Program, name: str) -> bool:
    """Whether a function that nothing in sight calls takes the step: a hook, a callback."""
    called = {last_name(call.func) for unit in program.files for call in every(ast.Call, unit.tree)}
    uncalled = (n for known in definitions(program).values() for n in known if isinstance(n, ast.FunctionDef))
    return any(steps_in(n, name) and n.name not in called and not backward_in(n) for n in uncalled)
