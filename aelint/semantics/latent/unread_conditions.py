"""Conditions that a network is called with, and that its forward pass never looks at."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ClassValue, Function, Instance, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every

__all__ = ["UnreadCondition", "unread_conditions"]

_CONDITION = re.compile(
    r"^(y|c|cls|cond|conds|label|labels|classes|condition|conditions|context|attr|attrs|attributes|one_?hot|y_?one_?hot)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class UnreadCondition:
    """The parameter that is never read, the class whose `forward` takes it, and a call that passes something for it."""

    name: str
    network: str
    parameter: Site
    call: Site


def unread_conditions(program: Program) -> Iterator[UnreadCondition]:
    """Parameters of `forward` that are named for a condition, are given one, and are never read; each once.

    A signature that several networks share is an interface, and not each of them has to use all of it.
    """
    told: set[int] = set()
    for call in program.calls:
        forward = _forward(call.callee)
        for parameter in _unread(forward.node) if forward is not None else ():
            if forward is None or id(parameter) in told or not isinstance(_given(call, forward, parameter), Sym):
                continue
            told.add(id(parameter))
            if not _is_shared(program, forward, parameter.arg):
                network = forward.owner.name if forward.owner is not None else ""
                yield UnreadCondition(parameter.arg, network, program.site(forward.module, parameter), call.site)


def _forward(callee: Value) -> Function | None:
    match callee:
        case Instance(cls=cls) if is_network(cls) and isinstance(forward := cls.find("forward"), Function):
            return forward if not forward.decorators and not isinstance(forward.node, ast.Lambda) else None
        case _:
            return None


def _unread(forward: ast.AST) -> list[ast.arg]:
    if not isinstance(forward, ast.FunctionDef):
        return []
    mentioned = {n.id for statement in forward.body for n in every(ast.Name, statement)}
    required = len(forward.args.posonlyargs) + len(forward.args.args) - len(forward.args.defaults)
    taken = parameters(forward)[:required]
    # What reads none of its arguments is to be written by those who derive from it.
    known = "locals" not in mentioned and any(p.arg in mentioned for p in taken[1:])
    return [p for p in taken if known and p.arg not in mentioned and _CONDITION.search(p.arg)]


def _given(call: Call, forward: Function, parameter: ast.arg) -> Value:
    if isinstance(forward.node, ast.Lambda):
        return None
    place = [p.arg for p in parameters(forward.node)].index(parameter.arg) - 1  # without `self`
    return call.kwargs.get(parameter.arg, call.args[place] if place < len(call.args) else None)


def _is_shared(program: Program, forward: Function, name: str) -> bool:
    """Whether another network takes a parameter of that name, too, be it that it is derived from this one."""
    others = (c for c in program.machine.classes if c is not forward.owner and is_network(c))
    return any(_takes(c, name) for c in others)


def _takes(cls: ClassValue, name: str) -> bool:
    forward = cls.find("forward")
    known = isinstance(forward, Function) and not isinstance(forward.node, ast.Lambda)
    return known and name in {p.arg for p in parameters(forward.node)}
