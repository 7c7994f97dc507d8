"""Best scores that begin anew in each round, so that every round is the best."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.inference.scores import Contest
from aelint.syntax.names import scopes, uses
from aelint.syntax.rounds import LoopNode
from aelint.syntax.running_sums import unwrapped
from aelint.syntax.walk import every, holds, own_nodes

__all__ = ["RestartedBest", "restarted_best"]

_OF_NETWORKS = frozenset({"state_dict", "parameters", "train", "eval"})


@dataclass(frozen=True, slots=True, eq=False)
class RestartedBest:
    """Where a best score begins in the body of a loop, and the comparison with it in the same round."""

    start: Site
    test: Site
    name: str


def restarted_best(program: Program, branch: ast.If, compared: Contest | None) -> RestartedBest | None:
    """The best score of a branch that holds nothing but its start when the branch asks for it."""
    if (
        compared is None
        or not isinstance(compared.best, ast.Name)
        or isinstance(branch.body[-1], (ast.Break, ast.Return))
    ):
        return None
    name, loop = compared.best.id, _round_of(program, branch)
    if loop is None or _makes_networks(loop):
        return None
    stores = [n for n in uses(loop, name) if not isinstance(n.ctx, ast.Load) and not holds(branch, n)]
    start = next((s for s in unwrapped(loop.body) if _starts(s, name) and s.lineno < branch.lineno), None)
    if start is None or len(stores) != 1:
        return None
    return RestartedBest(Site(program.unit, start), Site(program.unit, branch.test), name)


def _round_of(program: Program, branch: ast.If) -> LoopNode | None:
    """The innermost loop of the branch's own function that the branch stands in."""
    around: Iterator[LoopNode] = (
        node
        for scope in scopes(program.tree)
        if any(node is branch for node in own_nodes(scope))
        for node in own_nodes(scope)
        if isinstance(node, LoopNode) and holds(node, branch)
    )
    return max(around, key=lambda loop: loop.lineno, default=None)


def _makes_networks(loop: LoopNode) -> bool:
    """Whether each round has a network of its own: a fold or a trial, with its own best."""
    asked = {a.value.id for a in every(ast.Attribute, loop) if a.attr in _OF_NETWORKS and isinstance(a.value, ast.Name)}
    return any(isinstance(n.ctx, ast.Store) for name in asked for n in uses(loop, name))


def _starts(statement: ast.stmt, name: str) -> bool:
    """Whether a statement sets the name to a number of the text that any score beats, or to none."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            pass
        case _:
            return False
    match value:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            value = inner
        case _:
            pass
    match value:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str())]):
            return True
        case ast.Attribute(attr="inf" | "Inf" | "maxsize"):
            return True
        case _:
            return False
