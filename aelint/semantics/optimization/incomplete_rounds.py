"""Training rounds that clear the gradients of an optimiser and lack the rest: no step uses them, or no backward pass makes them.

A program is read as text here: what a round does is what its loop holds, and what the functions hold that are called in it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["IncompleteRound", "rounds_without_backward", "rounds_without_step"]

_OPTIMIZER = re.compile(r"opt", re.IGNORECASE)
_SCHEDULE = re.compile(r"sched|lr|anneal|warm|decay", re.IGNORECASE)
_TAKES_NO_STEP = re.compile(
    r"LR$|Schedul|Plateau$|^(print|isinstance|type|id|str|repr|hasattr|save|load|save_\w+|load_\w+)$"
)
"""What an optimiser can be handed without being asked for a step."""
_BACKWARD = re.compile(r"backward|autograd|^grad$|value_and_grad|grad_and_value|vjp")
_LOSS = re.compile(r"loss|cost|elbo|objective", re.IGNORECASE)
_KEEPS_A_LOSS = frozenset(
    "append extend add update log info debug print write add_scalar add_scalars set_postfix set_description format float "
    "sum mean item items isnan isinf isfinite len str round log_dict".split()
)
_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, eq=False)
class IncompleteRound:
    """The call that is left without its counterpart, the one that clears the gradients, and the name of the optimiser."""

    site: Site
    clear: Site
    optimizer: str


def rounds_without_step(program: Program) -> Iterator[IncompleteRound]:
    """Loops that clear and compute gradients, and in which nothing takes a step."""
    for clear, name, loops in _cleared(program):
        loop = next((one for one in loops if _backward_in(one)), None)
        if loop is None:
            continue
        done = _reachable(program, loop)
        behind = (node for scope in scopes(program.tree) if holds(scope, loop) for node in own_nodes(scope))
        if any(_is_step(program, node) or _reads_gradients(node) for node in (*done, *behind)):
            continue
        # Reading the whole project for a name is dear: only for a loop that lacks something.
        if not _is_handed_around(program, name) and not _is_stepped_by_a_framework(program, name):
            yield _round(program, _backward_in(loop)[0], clear, name)


def rounds_without_backward(program: Program) -> Iterator[IncompleteRound]:
    """Loops that clear gradients, compute a loss and take a step, and in which nothing computes gradients."""
    for clear, name, loops in _cleared(program):
        loop = next((one for one in loops if _steps_in(one, name)), None)
        if loop is None or not _has_loss(loop):
            continue
        done = _reachable(program, loop)
        if any(_computes_gradients(node) or _reads_gradients(node) or _takes_a_loss(program, node) for node in done):
            continue
        if not _is_handed_around(program, name):
            yield _round(program, _steps_in(loop, name)[0], clear, name)


def _round(program: Program, left: ast.AST, clear: ast.AST, name: str) -> IncompleteRound:
    return IncompleteRound(Site(program.unit, left), Site(program.unit, clear), name)


def _cleared(program: Program) -> Iterator[tuple[ast.Call, str, list[ast.For | ast.While]]]:
    """The calls of an optimiser's `zero_grad` in the entry file, and the loops around them in the same function, inner ones first."""
    for scope in scopes(program.tree):
        own = own_nodes(scope)
        for clear in (n for n in own if _is_method(n, "zero_grad")):
            assert isinstance(clear, ast.Call)
            name = _receiver(clear)
            around = [n for n in own if isinstance(n, (ast.For, ast.While)) and holds(n, clear)]
            over_it = any(isinstance(n, ast.For) and name in {last_name(t) for t in walk(n.target)} for n in around)
            if _OPTIMIZER.search(name) and around and not over_it:
                yield clear, name, around[::-1]


def _is_method(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _receiver(call: ast.Call) -> str:
    return last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def _backward_in(loop: ast.AST) -> list[ast.AST]:
    return [n for n in own_nodes(loop) if _is_method(n, "backward") or _is_method(n, "manual_backward")]


def _steps_in(loop: ast.AST, name: str) -> list[ast.AST]:
    steps = [n for n in every(ast.Call, loop) if _is_method(n, "step") and _receiver(n) == name]
    return [n for n in steps if not n.args and not n.keywords]


def _has_loss(loop: ast.AST) -> bool:
    targets = (t for n in every(ast.Assign, loop) for t in n.targets)
    return any(_LOSS.search(last_name(t)) for target in targets for t in walk(target))


def _is_step(program: Program, node: ast.AST) -> bool:
    """Whether anything but a schedule is asked for a step, under whatever name; what is in sight is looked into instead."""
    if not isinstance(node, ast.Call):
        return False
    called = last_name(node.func)
    named = called == "step" or ("step" in called.lower() and called not in _definitions(program))
    return named and not _SCHEDULE.search(_receiver(node))


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
    known = called in _KEEPS_A_LOSS or called in _definitions(program) or _is_of_torch(node.func)
    return not known and any(_LOSS.search(name) for name in given)


def _is_of_torch(function: ast.expr) -> bool:
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in {"torch", "nn", "F", "np", "numpy", "wandb"}


@per_program
def _definitions(program: Program) -> dict[str, list[ast.AST]]:
    """The functions and classes of the program's files by name."""
    found: dict[str, list[ast.AST]] = {}
    for unit in program.files:
        for node in walk(unit.tree):
            if isinstance(node, _DEFINED):
                found.setdefault(node.name, []).append(node)
    return found


def _reachable(program: Program, loop: ast.AST) -> list[ast.AST]:
    """The nodes of a loop and of the functions that are called in it, however deep."""
    known = _definitions(program)
    pending, entered = [loop], set[str]()
    for one in pending:  # grows while it is read
        for call in every(ast.Call, one):
            called = last_name(call.func)
            if called in known and called not in entered:
                entered.add(called)
                pending += known[called]
    return [node for one in pending for node in walk(one)]


def _is_stepped_by_a_framework(program: Program, name: str) -> bool:
    """Whether a function that nothing in sight calls takes the step: a hook, a callback."""
    called = {last_name(call.func) for unit in program.files for call in every(ast.Call, unit.tree)}
    uncalled = (n for known in _definitions(program).values() for n in known if isinstance(n, ast.FunctionDef))
    return any(_steps_in(n, name) and n.name not in called and not _backward_in(n) for n in uncalled)


def _is_handed_around(program: Program, name: str) -> bool:
    """Whether the optimiser gets another name, stands in a container, or is given to what is not in sight and may use it."""
    known = _definitions(program)
    for unit in program.files:
        returned = {id(n.value) for n in every(ast.Return, unit.tree)}
        for node in walk(unit.tree):
            match node:
                case ast.Call(func=function, args=args, keywords=keywords):
                    given = any(last_name(a) == name for a in (*args, *(k.value for k in keywords)))
                    called = last_name(function)
                    if given and called not in known and not _TAKES_NO_STEP.search(called):
                        return True
                case ast.List(elts=parts) | ast.Tuple(elts=parts, ctx=ast.Load()) | ast.Dict(values=parts):
                    if id(node) not in returned and any(last_name(p) == name for p in parts):
                        return True
                case ast.Assign(targets=targets, value=ast.Name() | ast.Attribute() as value) if (
                    last_name(value) == name
                ):
                    if any(last_name(t) != name for t in targets):
                        return True
                case _:
                    pass
    return False
