"""Run loops: over known items to their end, else a bounded number of rounds whose outcomes are joined."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any

from aelint.semantics.domain.truth import truth
from aelint.semantics.domain.values import Bound, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter import iteration, statements
from aelint.semantics.interpreter.joins import merge
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.machine import Flow, Frame
from aelint.semantics.operators.api import facts_of
from aelint.syntax.walk import once_per_node, walk

__all__ = ["counted", "run_for", "run_while"]

UNKNOWN_ROUNDS = 2
"""Rounds of a loop whose length is unknown: the second shows what the first left behind."""

_ORDER_WORDS = frozenset({"backward", "step", "zero_grad", "manual_backward", "training_step"})


def run_for(frame: Frame, node: ast.For | ast.AsyncFor) -> Flow:
    """Run a `for` loop; where its items are not all known, two rounds stand for all."""
    iterable = statements.evaluate(frame, node.iter)
    items, complete = iteration.iterate(frame, iterable, node.iter)
    if _has_order_words(node) and len(items) > UNKNOWN_ROUNDS and not _are_parts(items):
        items, complete = _first_rounds(frame, node, iterable, items), False
    if complete:
        return _known_rounds(frame, node, items, iterable)
    rounds = items if len(items) >= UNKNOWN_ROUNDS else items * UNKNOWN_ROUNDS

    def run(round_: int) -> Flow:
        item = rounds[round_]
        if round_ and item is rounds[0]:
            item = iteration.element(frame, iterable, node.iter) if not isinstance(iterable, range) else item
        statements.assign(frame, node.target, item)
        return statements.execute(frame, node.body)

    return _unknown_rounds(frame, node, run, iterable)


def _first_rounds(frame: Frame, node: ast.For | ast.AsyncFor, iterable: Value, items: list[Value]) -> list[Value]:
    """What stands for all rounds: of numbers the first, and one for any of the others.

    `if epoch % 5 == 4` is false in the first rounds, and what it guards runs all the same.
    """
    if isinstance(iterable, range):
        return [items[0], iteration.counter(frame, iterable, node.iter)]
    return items[:UNKNOWN_ROUNDS]


def counted(frame: Frame, node: ast.AugAssign, before: Value, after: Value) -> Value:
    """What `count += 1` gives: in the round of a training loop that stands for all later ones, any number from there on.

    `if count == 4` is false in the second round, and what it guards runs all the same.
    """
    context = frame.machine.context
    if not (context.loops and context.loops[-1].round and context.speculative and type(before) is type(after) is int):
        return after
    if not (before < after and _has_order_words(context.loops[-1].node)):
        return after
    return iteration.counter(frame, range(after, sys.maxsize), node)


def _are_parts(items: list[Value]) -> bool:
    """Whether a loop goes over networks or optimisers: `for net in nets: net.zero_grad()` leaves none of them out."""
    return all(isinstance(i, (Object, Instance)) for i in items)


@once_per_node
def _has_order_words(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in _ORDER_WORDS for n in walk(node))


def _known_rounds(frame: Frame, node: ast.For | ast.AsyncFor, items: list[Value], iterable: Value) -> Flow:
    machine = frame.machine
    started = machine.steps
    machine.heap.enter()
    flow = Flow.NEXT
    for round_, item in enumerate(items):
        if round_ >= UNKNOWN_ROUNDS and machine.steps - started > machine.limits.steps_per_loop:
            # Too dear to be followed to its end: what it changes may become anything in the rounds that are left.
            total = machine.heap.leave(undo=True)
            untouched = {key: (thing, before, before) for key, (thing, before, _) in total.items()}
            machine.heap.join([untouched, total], _and_more(frame, node))
            return statements.execute(frame, node.orelse)
        with machine.looping(node, round_, iterable):
            statements.assign(frame, node.target, item)
            flow = statements.execute(frame, node.body)
        if flow in {Flow.RETURN, Flow.RAISE, Flow.BREAK}:
            break
    machine.heap.leave(undo=False)
    if flow in {Flow.RETURN, Flow.RAISE}:
        return flow
    return Flow.NEXT if flow is Flow.BREAK else statements.execute(frame, node.orelse)


def _unknown_rounds(
    frame: Frame, node: ast.For | ast.AsyncFor | ast.While, run: Callable[[int], Flow], iterable: Value
) -> Flow:
    # After the loop, whatever it changed is the join of its values before, after one and after more rounds.
    machine = frame.machine
    states = []
    flow = Flow.NEXT
    machine.heap.enter()
    for round_ in range(UNKNOWN_ROUNDS):
        machine.heap.enter()
        # Which of the blocks of an open list comes in which round is a guess.
        guess = round_ > 0 or (isinstance(iterable, (ListValue, Object, Instance, Sym)) and _holds_modules(iterable))
        with machine.looping(node, round_, iterable, speculative=guess):
            flow = run(round_)
        states.append(machine.heap.leave(undo=False))
        if flow in {Flow.RETURN, Flow.RAISE, Flow.BREAK}:
            break
    total = machine.heap.leave(undo=True)
    first = states[0]
    joined = _and_more(frame, node) if _goes_over_modules(iterable) else _later
    machine.heap.join([_after_first(first, total), total] if len(states) > 1 else [total], joined)
    if flow is Flow.RETURN:
        return flow
    return statements.execute(frame, node.orelse)


def _later(values: list[Value]) -> Value:
    """Joins what is there after one round and after two: a bound that the second round moved may move on without an end."""
    joined = merge(values)
    if isinstance(joined, Sym) and joined.op == "phi" and all(v is not joined for v in values):
        first, second = (facts_of(v).range for v in (values[0], values[-1]))
        joined.range = joined.range if joined.range.unknown else first.widened(second)
    return joined


def _and_more(frame: Frame, node: ast.AST) -> Callable[[list[Value]], Value]:
    """Joins the states of a loop of which some rounds were not looked at: they may give anything."""
    return lambda values: merge([*values, frame.unknown("later", node=node)])


def _goes_over_modules(iterable: Value) -> bool:
    """Whether each round may run another layer: blocks that were not looked at may have other widths."""
    if not isinstance(iterable, ListValue):
        return _holds_modules(iterable)
    flat = _flat(iterable.items)
    # `[self.stem, self.layer1]`: a method that runs layers stands for one.
    return any(is_module(part.receiver if isinstance(part, Bound) else part) for part in flat)


def _holds_modules(iterable: Value) -> bool:
    match iterable:
        case ListValue(items=items):
            # Not every tuple: an enumerated loader gives a number and a batch.
            return any(isinstance(part, (Object, Instance)) for part in _flat(items))
        case Object(children=children):
            return children is not None
        case Instance(base=Object(children=children)):
            return children is not None
        case _:
            return False


def _flat(items: Sequence[Value]) -> list[Value]:
    """The items of a list, and the parts of those that are tuples: what is zipped, enumerated, or both."""
    return [part for item in items for part in (_flat(item) if isinstance(item, tuple) else (item,))]


def _after_first(first: dict[int, Any], total: dict[int, Any]) -> dict[int, Any]:
    # What the first round did not touch still had its old value after it.
    return {key: first.get(key, (thing, before, before)) for key, (thing, before, _) in total.items()}


def run_while(frame: Frame, node: ast.While) -> Flow:
    """Run a `while` loop whose number of rounds is unknown, unless its condition is false at once."""
    test = statements.evaluate(frame, node.test)
    if truth(test) is False:
        return statements.execute(frame, node.orelse)

    def run(round_: int) -> Flow:
        if round_:
            statements.evaluate(frame, node.test)
        return statements.execute(frame, node.body)

    return _unknown_rounds(frame, node, run, test)
