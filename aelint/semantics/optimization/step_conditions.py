"""Under which conditions a training loop lets an optimiser step: what the text of the condition says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import scopes
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["Conditioned", "either_or_steps", "inverted_intervals"]

_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """A condition, and the step of the optimiser that it decides about."""

    test: Site
    step: Site


def either_or_steps(program: Program) -> Iterator[Conditioned]:
    """An optimiser that steps only where its schedule does not: `if scheduler: scheduler.step()` `else: optimizer.step()`."""
    for scope in scopes(program.tree):
        steps = [n for n in own_nodes(scope) if "opt" in _stepped(n)]
        for branch in (n for n in own_nodes(scope) if isinstance(n, ast.If)):
            first, second = _steps_in(branch.body), _steps_in(branch.orelse)
            for scheduled, other in ((first, second), (second, first)):
                advances = any("sched" in o for o in scheduled) and not any("opt" in o for o in scheduled)
                own = [n for s in (*branch.body, *branch.orelse) for n in walk(s) if n in steps]
                if advances and other and all("opt" in o for o in other) and steps and len(own) == len(steps):
                    yield Conditioned(Site(program.unit, branch.test), Site(program.unit, own[0]))


def inverted_intervals(program: Program) -> Iterator[Conditioned]:
    """Steps and clearing under `if i % n:`, which holds for every round but each n-th, behind a backward pass."""
    for scope in scopes(program.tree):
        for loop in (n for n in own_nodes(scope) if isinstance(n, _LOOPS)):
            for branch in _behind_backward(loop.body):
                step = _cleared_step(branch) if _holds_between(branch.test) and not branch.orelse else None
                if step is not None:
                    yield Conditioned(Site(program.unit, branch.test), Site(program.unit, step))


def _behind_backward(body: list[ast.stmt]) -> Iterator[ast.If]:
    """The branches of a loop's body that follow a backward pass."""
    computed = False
    for statement in body:
        if computed and isinstance(statement, ast.If):
            yield statement
        computed = computed or any(_is_method(n, "backward") for n in every(ast.Call, statement))


def _cleared_step(branch: ast.If) -> ast.Call | None:
    """The step of an optimiser in a branch that clears gradients, too."""
    called = [n for s in branch.body for n in every(ast.Call, s)]
    clears = any(_is_method(n, "zero_grad") for n in called)
    return next((n for n in called if clears and "opt" in _stepped(n)), None)


def _holds_between(test: ast.expr) -> bool:
    match test:
        case ast.BinOp(op=ast.Mod()):
            return True
        case ast.Compare(left=ast.BinOp(op=ast.Mod()), ops=[ast.NotEq()], comparators=[ast.Constant(value=0)]):
            return True
        case _:
            return False


def _is_method(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _stepped(node: ast.AST) -> str:
    """What `step()` is called on, in lower case, "" for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step":
        return ast.unparse(node.func.value).lower()
    return ""


def _steps_in(body: list[ast.stmt]) -> list[str]:
    return [owner for s in body for n in walk(s) if (owner := _stepped(n))]
