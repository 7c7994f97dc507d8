"""Gradients that are added up over several batches: where the step waits, and what clears them meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.walk import every

__all__ = ["HastyStep", "LostBatches", "hasty_steps", "lost_batches"]


@dataclass(frozen=True, slots=True, eq=False)
class LostBatches:
    """A loop that steps in every n-th round and clears in each: the gradients of n - 1 batches are lost."""

    clear: Site
    step: Site
    backward: Site


@dataclass(frozen=True, slots=True, eq=False)
class HastyStep:
    """A step in every round of a loop that clears in each n-th: each step uses the sum of the rounds so far."""

    step: Site
    clear: Site
    backward: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """What a body does in every round, and what only in every n-th."""

    always: list[ast.stmt]
    waiting: list[ast.stmt]


def lost_batches(program: Program) -> Iterator[LostBatches]:
    """Bodies whose step waits for a number of rounds (`if (i + 1) % n == 0`) and whose `zero_grad` does not wait."""
    for wait in _bodies(program):
        found = _lost(wait)
        if found is not None:
            clear, step, backward = (Site(program.unit, call) for call in found)
            yield LostBatches(clear, step, backward)


def hasty_steps(program: Program) -> Iterator[HastyStep]:
    """Bodies whose `zero_grad` waits for a number of rounds, and whose step, or a second one, does not wait."""
    for wait in _bodies(program):
        found = _hasty(wait)
        if found is not None:
            step, clear, backward = (Site(program.unit, call) for call in found)
            yield HastyStep(step, clear, backward)


def _hasty(wait: _Wait) -> tuple[ast.Call, ast.Call, ast.Call] | None:
    """The step that does not wait, the clearing that does, and the backward pass before both."""
    backward = next(_calls(wait.always, "backward"), None)
    # A clearing in every round, of whatever it is, may clear these gradients as well.
    if backward is None or any(_calls_within(wait.always, "zero_grad")):
        return None
    for step in _calls(wait.always, "step"):
        cleared = (c for c in _calls(wait.waiting, "zero_grad") if _receiver(c) in _optimizers_of(step))
        clear = next(cleared, None) if step.lineno > backward.lineno else None
        if clear is not None:
            return step, clear, backward
    return None


def _sequence(block: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a block that run one after another, with those of `with` blocks in their place."""
    return [
        inner
        for statement in block
        for inner in (_sequence(statement.body) if isinstance(statement, (ast.With, ast.AsyncWith)) else [statement])
    ]


def _bodies(program: Program) -> Iterator[_Wait]:
    for block in blocks(program.tree):
        yield from _waits(_sequence(block))


def _waits(sequence: list[ast.stmt]) -> Iterator[_Wait]:
    counts = {
        target.id
        for statement in sequence
        if isinstance(statement, ast.Assign) and _has_remainder(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for place, branch in enumerate(sequence):
        if not isinstance(branch, ast.If) or branch.orelse or not _counts_rounds(branch.test, counts):
            continue
        if isinstance(branch.body[-1], (ast.Continue, ast.Return)):
            yield _Wait(sequence[:place], sequence[place + 1 :])
        else:
            yield _Wait(sequence[:place] + sequence[place + 1 :], _sequence(branch.body))


def _counts_rounds(test: ast.expr, counts: set[str]) -> bool:
    return _has_remainder(test) or any(name.id in counts for name in every(ast.Name, test))


def _has_remainder(expression: ast.expr) -> bool:
    return any(isinstance(n.op, ast.Mod) for n in every(ast.BinOp, expression))


def _lost(wait: _Wait) -> tuple[ast.Call, ast.Call, ast.Call] | None:
    """The clearing that does not wait, the step that does, and the backward pass between them."""
    backward = next(_calls(wait.always, "backward"), None)
    # With a backward pass of its own, the other player of an adversarial pair takes its turn there.
    if backward is None or any(_calls_within(wait.waiting, "backward")):
        return None
    # Beside another optimiser that does not wait, this one is trained more rarely: nothing is to add up.
    if any("sched" not in ast.unparse(call.func) for call in _calls_within(wait.always, "step")):
        return None
    for step in _calls(wait.waiting, "step"):
        clear = next((c for c in _calls(wait.always, "zero_grad") if _receiver(c) in _optimizers_of(step)), None)
        if clear is not None:
            return clear, step, backward
    return None


def _calls(statements: list[ast.stmt], method: str) -> Iterator[ast.Call]:
    """The calls of a method that stand in a statement by themselves."""
    for statement in statements:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name)) as call) if _is_named(name, method):
                yield call


def _calls_within(statements: list[ast.stmt], method: str) -> Iterator[ast.Call]:
    for statement in statements:
        for call in every(ast.Call, statement):
            if isinstance(call.func, ast.Attribute) and _is_named(call.func.attr, method):
                yield call


def _is_named(name: str, method: str) -> bool:
    return name in {method, f"manual_{method}"}


def _receiver(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return ast.dump(call.func.value)


def _optimizers_of(step: ast.Call) -> set[str]:
    """What may be the optimiser of a step: `optimizer.step()`, `scaler.step(optimizer)`."""
    return {_receiver(step), *(ast.dump(argument) for argument in step.args)}
