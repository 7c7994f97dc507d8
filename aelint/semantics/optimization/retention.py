"""Sums over a loop that keep the graph of every round alive."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Context
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.optimization.gradients import reach_of
from aelint.semantics.optimization.training import Action, Kind, actions

__all__ = ["Retained", "retained_losses"]


@dataclass(frozen=True, slots=True, eq=False)
class Retained:
    """A running sum of losses that were already differentiated; `handed` is the call of the training loop that leads to it, if one does."""

    site: Site
    name: str
    backward: Site
    handed: Site | None


def retained_losses(program: Program) -> Iterator[Retained]:
    """Running sums to which a loss that `backward` was called on, or a term of it, is added, and that are never differentiated."""
    passes = [a for a in actions(program) if a.kind is Kind.BACKWARD]
    behind = {a: _ancestors([a.of]) for a in passes}
    differentiated = {value for found in behind.values() for value in found}
    for event in program.assignments:
        value = event.value
        if not isinstance(value, Sym) or value.op != "add" or value.id in differentiated or event.context.no_grad:
            continue
        added = _without_weight(value.inputs[-1])
        if not isinstance(added, Sym) or added.id not in differentiated:
            continue
        backward = next(a for a in reversed(passes) if added.id in behind[a])
        if (
            len(event.context.loops)
            and (added is backward.of or (_is_trained(program, added) and _is_around(event.context, backward)))
            and isinstance(event.site.node, (ast.Name, ast.Attribute))
            and _is_running(value)
            and not _is_handed_in(added, event.context.loops[-1].iterable)
        ):
            yield Retained(
                event.site, ast.unparse(event.site.node), backward.event.site, _handed(event.context, backward.context)
            )


def _handed(sums: Context, training: Context) -> Site | None:
    """The call of a meter by the function that goes backward, or by one that called it: what it is given is decided there."""
    shared = 0
    while shared < min(len(sums.stack), len(training.stack)) and sums.stack[shared] is training.stack[shared]:
        shared += 1
    return sums.stack[shared].site if shared < len(sums.stack) and (shared or not training.stack) else None


def _without_weight(added: Value) -> Value:
    """What is summed, without the number of samples that it is multiplied by."""
    match added:
        case Sym(op="mul" | "truediv" | "div", inputs=(Sym() as inner, int() | float() | Poly())):
            return _without_weight(inner)
        case Sym(op="mul", inputs=(int() | float() | Poly(), Sym() as inner)):
            return _without_weight(inner)
        case _:
            return added


def _is_around(sums: Context, backward: Action) -> bool:
    """Whether the loop that sums up is one whose rounds hold the backward pass: what a loss sums up in itself is freed by it."""
    return any(loop.node is sums.loops[-1].node for loop in backward.event.context.loops)


def _is_trained(program: Program, term: Sym) -> bool:
    """Whether a term of the loss is a tensor that gradients flow from to some weights."""
    return term.tensor is True and bool(reach_of(program)(term).live)


def _is_handed_in(added: Sym, iterable: Value) -> bool:
    """Whether the loop runs over the losses of one step, which were there before it began."""
    return added.op == "element" or any(added is one for one in parts(iterable))


def _is_running(total: Sym) -> bool:
    """Whether the same statement, an earlier time, gave what is added to; three losses added up are no running sum."""
    before = alternatives(total.inputs[0])
    return any(isinstance(b, Sym) and b.op == "add" and b.site is total.site for b in before)


def _ancestors(values: list[Value]) -> set[int]:
    found: set[int] = set()
    pending = [s for v in values for s in syms_in(v)]
    while pending:
        one = pending.pop()
        if one.id not in found:
            found.add(one.id)
            pending.extend(s for i in one.inputs for s in syms_in(i))
    return found
