"""Gradients that are added up over several batches: where the step waits, and what clears them meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.program import Program
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["LostBatches", "lost_batches"]


@dataclass(frozen=True, slots=True, eq=False)
class LostBatches:
    """A loop that steps in every n-th round and clears in each: the gradients of n - 1 batches are lost."""

    clear: Site
    step: Site
    backward: Site


def lost_batches(program: Program) -> Iterator[LostBatches]:
    """Loops whose step waits for a number of rounds (`if (i + 1) % n == 0`) and whose `zero_grad` does not wait."""
    for loop in every(ast.For, program.tree):
        waiting = [s for s in loop.body if isinstance(s, ast.If) and not s.orelse and _counts_rounds(s.test)]
        always = [s for s in loop.body if isinstance(s, ast.Expr)]
        backward = next((b for s in loop.body if (b := _call(s, "backward")) is not None), None)
        for branch in waiting:
            step = next((c for s in branch.body if (c := _call(s, "step")) is not None), None)
            if step is None or backward is None or any(_is_same_call(c, step) for s in always for c in _calls(s)):
                continue
            if any(_call(s, "backward") is not None for s in branch.body):
                # The other player of an adversarial pair takes its turn here, with gradients of its own.
                continue
            clear = next((c for s in always if (c := _call(s, "zero_grad")) is not None and _is_of(c, step)), None)
            if clear is not None:
                unit = program.unit
                yield LostBatches(Site(unit, clear), Site(unit, step), Site(unit, backward))


def _counts_rounds(test: ast.expr) -> bool:
    return any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod) for n in walk(test))


def _calls(statement: ast.stmt) -> list[ast.Call]:
    return [n for n in (statement, *own_nodes(statement)) if isinstance(n, ast.Call)]


def _call(statement: ast.stmt, method: str) -> ast.Call | None:
    """The call of a method that stands in a statement by itself."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name)) as call) if name in {method, f"manual_{method}"}:
            return call
        case _:
            return None


def _is_same_call(one: ast.Call, other: ast.Call) -> bool:
    return ast.dump(one.func) == ast.dump(other.func)


def _is_of(clear: ast.Call, step: ast.Call) -> bool:
    """Whether both are methods of one optimiser."""
    match clear.func, step.func:
        case ast.Attribute(value=one), ast.Attribute(value=other):
            return ast.dump(one) == ast.dump(other)
        case _:
            return False
