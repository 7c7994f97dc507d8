"""Arguments that a function never looks at, while it reads a tensor of the module that stands for the same thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.semantics.objective.comparisons import is_output
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every

__all__ = ["PassedOver", "passed_over"]


@dataclass(frozen=True, slots=True, eq=False)
class PassedOver:
    """Where a tensor of the module is read, its name, the parameter that is never read, and a call that passes data for it."""

    read: Site
    name: str
    parameter: str
    call: Site


def passed_over(program: Program) -> Iterator[PassedOver]:
    """Functions that are given a tensor, never read it, and compute with one of the same shape that the module holds."""
    told: set[int] = set()
    for call in program.calls:
        function = call.callee
        if not isinstance(function, Function) or id(function.node) in told or isinstance(function.node, ast.Lambda):
            continue
        if function.module is not program.entry or function.decorators or function.owner is not None:
            continue
        told.add(id(function.node))
        for name in _unread(function.node):
            given = _given(call, function.node, name)
            read = _read_instead(program, function.node, given) if isinstance(given, Sym) else None
            if read is not None:
                yield PassedOver(Site(program.unit, read), read.id, name, call.site)


def _unread(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Parameters without a default that the body never mentions."""
    mentioned = {n.id for statement in function.body for n in every(ast.Name, statement)}
    required = len(function.args.posonlyargs) + len(function.args.args) - len(function.args.defaults)
    names = [p.arg for p in parameters(function)[:required]]
    return [] if "locals" in mentioned else [n for n in names if n not in mentioned and not n.startswith("_")]


def _given(call: Call, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Value:
    names = [p.arg for p in parameters(function)]
    place = names.index(name)
    return call.kwargs.get(name, call.args[place] if place < len(call.args) else None)


def _read_instead(program: Program, function: ast.FunctionDef | ast.AsyncFunctionDef, given: Sym) -> ast.Name | None:
    """A name of the module that the body reads, for other data of the shape that was given."""
    if given.shape is None or len(given.shape) < 2 or given.tensor is not True or is_output(given):
        return None
    own = {p.arg for p in parameters(function)}
    own |= {n.id for n in every(ast.Name, function) if isinstance(n.ctx, ast.Store)}
    for node in (n for statement in function.body for n in every(ast.Name, statement)):
        if node.id in own:
            continue
        held = [b.value for b in program.bindings_of(node.id) if b.context.function is None]
        tensors = [v for v in held if isinstance(v, Sym) and v.tensor is True and v.shape == given.shape]
        if held and len(tensors) == len(held) and not any(is_output(v) or v is given for v in tensors):
            return node
    return None
