"""States and models that are kept while training goes on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Loop
from aelint.semantics.domain.values import DictValue, Function, ListValue, Sym, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.blocks import blocks
from aelint.syntax.walk import holds

__all__ = ["Kept", "kept_models", "kept_states"]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Something that is kept by reference, the first step that changes it, and where it is used again."""

    site: Site
    step: Action
    used: Site | None


def kept_states(program: Program) -> Iterator[Kept]:
    """State dicts that are loaded or saved after further steps of their model, without a copy between."""
    taken = {c.result.id: c for c in program.calls if _is_state(c)}
    # A shallow copy of the dictionary holds the same tensors.
    copied = [c for c in program.method_calls("copy") if isinstance(c.receiver, Sym) and isinstance(c.result, Sym)]
    taken |= {c.result.id: taken[c.receiver.id] for c in copied if c.receiver.id in taken}
    for use in program.calls:
        if use.name != "torch.save" and use.method != "load_state_dict":
            continue
        states = list(_states_in(use.args[0] if use.args else None, 0))
        for state in states:
            origin = taken.get(state.id)
            if origin is not None and not _is_start_value(program, origin, states):
                step = _step_between(program, origin.receiver, origin.order, use.order)
                step = step or _step_of_later_rounds(program, origin, use)
                if step is not None:
                    yield Kept(origin.site, step, use.site)


def _is_state(call: Call) -> bool:
    return call.method == "state_dict" and is_module(call.receiver) and isinstance(call.result, Sym)


def _is_start_value(program: Program, taken: Call, states: list[Sym]) -> bool:
    """Whether a state only stands in for the one that a loop behind it keeps, which the first round replaces."""
    others = {s.id for s in states if s is not taken.result}
    made = (c for c in program.calls if isinstance(c.result, Sym) and c.result.id in others)
    return any(c.order > taken.order and len(c.context.loops) > len(taken.context.loops) for c in made)


def _states_in(value: Value, depth: int) -> Iterator[Sym]:
    if depth > 4:
        return
    match value:
        case Sym(op="phi", inputs=inputs) | ListValue(items=inputs) | tuple(inputs):
            for one in inputs:
                yield from _states_in(one, depth + 1)
        case DictValue(items=items):
            for one in items.values():
                yield from _states_in(one, depth + 1)
        case Sym():
            yield value


def _step_between(program: Program, model: Value, first: int, last: int) -> Action | None:
    held = held_by(model)
    for action in actions(program):
        known = action.kind is Kind.STEP and action.held.known
        if known and first < action.order < last and action.held.owners & held.owners:
            return action
    return None


def _step_of_later_rounds(program: Program, taken: Call, use: Call) -> Action | None:
    """A step before a state was taken that a loop repeats afterwards, and before the state is used."""
    left = {id(loop.node) for loop in taken.context.loops if not _has_ended(loop)}
    left -= {id(loop.node) for loop in use.context.loops}
    if not left or _leaves_loop(taken):
        return None
    held = held_by(taken.receiver)
    for action in actions(program):
        known = action.kind is Kind.STEP and action.held.known and action.order < taken.order < use.order
        if known and action.held.owners & held.owners and any(id(loop.node) in left for loop in action.context.loops):
            return action
    return None


def _has_ended(loop: Loop) -> bool:
    return isinstance(loop.iterable, range) and loop.round + 1 >= len(loop.iterable)


def _leaves_loop(taken: Call) -> bool:
    """Whether the block of the loop in which a state is taken, or what takes it is called, leaves the loop at its end."""
    places = [taken.site.node, *(a.site.node for a in taken.context.stack if a.site is not None)]
    inside = [block for loop in taken.context.loops for block in blocks(loop.node)]
    holding = (b for b in inside if any(holds(statement, place) for statement in b for place in places))
    return any(isinstance(b[-1], (ast.Break, ast.Return, ast.Raise)) for b in holding)


def kept_models(program: Program) -> Iterator[Kept]:
    """A name for the best model that is bound to the model itself, which is trained on."""
    for event in program.assignments:
        if (
            "best" not in event.name
            or not is_module(event.value)
            or not event.context.guards
            or not event.context.loops
        ):
            continue
        function = event.context.function
        if isinstance(function, Function) and function.name == "__init__":
            continue
        step = _step_between(
            program, event.value, event.order, _end_of_loop(program, event.order, event.context.loops[0].node)
        )
        if step is not None:
            yield Kept(event.site, step, None)


def _end_of_loop(program: Program, order: int, loop: object) -> int:
    inside = [
        a.order for a in actions(program) if a.context.loops and a.context.loops[0].node is loop and a.order > order
    ]
    return (inside[-1] + 1) if inside else order
