"""Loops that bind the state which a recurrent network returns, and give the network the first one in every round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.syntax.names import is_read, scopes, uses
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["RECURRENT", "DroppedState", "dropped_states"]

RECURRENT = ("lstm", "gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell")
"""Layers and cells that return a state for the next step."""


@dataclass(frozen=True, slots=True, eq=False)
class DroppedState:
    """A call in a loop that is given `first`, and whose new `state` nothing in the loop reads; `start` made the two one."""

    call: Site
    first: str
    state: str
    start: Site


def dropped_states(program: Program) -> Iterator[DroppedState]:
    """`state = first` before a loop of `out, state = rnn(x, first)`: the variable is there to be carried, and is not."""
    recurrent = {id(node) for call in program.calls_to(*RECURRENT) for node in (call.site.node, *_leading(call))}
    unit = program.entry.unit
    for scope in scopes(unit.tree) if recurrent else ():
        own = own_nodes(scope)
        for loop in (n for n in own if isinstance(n, ast.For)):
            for call, states in _bound(loop):
                if id(call) not in recurrent or _is_over(loop, call):
                    continue
                for state, first, start in _started(own, loop, states):
                    given = [n for one in (*call.args, *(k.value for k in call.keywords)) for n in uses(one, first)]
                    if given and not any(is_read(one, state) for one in loop.body) and not _is_set(loop, first):
                        yield DroppedState(Site(unit, call), first, state, Site(unit, start))


def _leading(call: Call) -> list[ast.AST]:
    """The calls that led to where a call stands."""
    return [activation.site.node for activation in call.context.stack if activation.site is not None]


def _bound(loop: ast.For) -> Iterator[tuple[ast.Call, set[str]]]:
    """The calls of a loop's body whose results are unpacked, with the names that they get."""
    for statement in (n for one in loop.body for n in walk(one)):
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Call() as call):
                yield call, {n.id for one in targets for n in every(ast.Name, one)}
            case _:
                pass


def _started(own: list[ast.AST], loop: ast.For, states: set[str]) -> Iterator[tuple[str, str, ast.AST]]:
    """The states that were another name for what the first round starts from, each with that and the assignment."""
    for node in own:
        if not isinstance(node, ast.Assign) or node.lineno >= loop.lineno:
            continue
        for target in node.targets:
            for name, value in _pairs(target, node.value):
                if name in states:
                    yield name, value, node


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    match target, value:
        case ast.Name(id=name), ast.Name(id=first):
            yield name, first
        case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
            for one, other in zip(names, values, strict=True):
                yield from _pairs(one, other)
        case ast.Tuple(elts=names), ast.Name(id=first):
            yield from ((name.id, first) for name in names if isinstance(name, ast.Name))
        case _:
            pass


def _is_over(loop: ast.For, call: ast.Call) -> bool:
    """Whether each round calls another network: every layer of a stack has a state of its own."""
    rounds = {n.id for n in every(ast.Name, loop.target)}
    return any(n.id in rounds for n in every(ast.Name, call.func))


def _is_set(loop: ast.For, name: str) -> bool:
    return any(isinstance(n.ctx, ast.Store) for n in uses(loop, name))
