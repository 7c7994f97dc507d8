"""Tensors that a function makes, writes entries of, and never reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors, through
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Function, Sym
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.operators.random import DRAWN
from aelint.syntax.names import last_name, uses
from aelint.syntax.walk import walk

__all__ = ["Forgotten", "forgotten_corruptions", "forgotten_tensors"]

_FRESH = frozenset(
    {
        "clone", "deepcopy", "copy", "zeros", "ones", "full", "empty", "rand", "randn", "eye", "zeros_like", "ones_like",
        "full_like", "empty_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_full", "new_empty", "bool", "float",
        "long", "to",
    }
)  # fmt: skip
"""What gives a tensor of its own, so that writing to it changes nothing else."""
_PASSING_ON = frozenset({"bool", "float", "long", "to"})


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten:
    """A local name, the statement that makes it, and the last one that writes to it."""

    name: str
    made: Site
    written: Site
    copied: str
    """What it is a copy of, "" if it was made of nothing."""


def forgotten_tensors(program: Program) -> Iterator[Forgotten]:
    """Local tensors with entries that are set, none of which anything reads."""
    for function in program.own_functions:
        node = function.node
        if isinstance(node, ast.Lambda) or _reads_by_name(node):
            continue
        makers = {t.id: (s, v) for s in walk(node) if (found := _made(s)) is not None for t, v in [found]}
        for name, (statement, value) in makers.items():
            named = uses(node, name)
            writes = [n for n in walk(node) if _writes(n, name)]
            stores = [n for n in named if isinstance(n.ctx, ast.Store)]
            if writes and len(stores) == 1 and len(named) == 1 + len(writes) and not name.startswith("_"):
                unit = function.module.unit
                yield Forgotten(name, Site(unit, statement), Site(unit, writes[-1]), _source(value))


def _reads_by_name(function: ast.AST) -> bool:
    dynamic = {"locals", "vars", "eval", "exec"}
    return any(isinstance(n, (ast.Global, ast.Nonlocal)) for n in walk(function)) or any(
        isinstance(n, ast.Name) and n.id in dynamic for n in walk(function)
    )


def _made(statement: ast.AST) -> tuple[ast.Name, ast.expr] | None:
    match statement:
        case ast.Assign(targets=[ast.Name() as target], value=ast.Call() as value) if _is_fresh(value):
            return target, value
        case _:
            return None


def _is_fresh(call: ast.Call) -> bool:
    """Whether the call gives memory of its own; `zeros(3).to(device)` does, `x.to(device)` may not."""
    name = last_name(call.func)
    if name in _PASSING_ON:
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        return isinstance(inner, ast.Call) and _is_fresh(inner)
    return name in _FRESH


def _writes(node: ast.AST, name: str) -> bool:
    """`name[index] = value`, `name[index] += value`, with an index and a value that do not read it."""
    match node:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=found))], value=_):
            return found == name
        case ast.AugAssign(target=ast.Subscript(value=ast.Name(id=found))):
            return found == name
        case _:
            return False


def _source(value: ast.expr) -> str:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=source), attr="clone" | "copy")):
            return source
        case ast.Call(func=ast.Attribute(attr="deepcopy" | "clone"), args=[ast.Name(id=source), *_]):
            return source
        case _:
            return ""


def forgotten_corruptions(program: Program) -> Iterator[Forgotten]:
    """Noisy or masked versions of a tensor that are never read, beside a network that gets the tensor itself."""
    values = {id(b.site.node): b.value for b in program.bindings}
    for function in program.own_functions:
        if isinstance(function.node, ast.Lambda):
            continue
        for dead in dead_stores(function.node):
            value = values.get(id(dead.target))
            computed = isinstance(value, Sym) and isinstance(dead.value, ast.Call | ast.BinOp)
            if not computed or not isinstance(value, Sym) or dead.target.id.startswith("_"):
                continue
            for clean, call in _given(program, function):
                if _corrupts(value, clean):
                    unit = function.module.unit
                    yield Forgotten(dead.target.id, Site(unit, dead.target), call, clean.name or "the input")
                    break


def _given(program: Program, function: Function) -> Iterator[tuple[Sym, Site]]:
    """What a function hands to networks."""
    for call in program.calls:
        if call.context.function is function and (call.name == "network" or is_module(call.receiver)):
            yield from ((s, call.site) for s in parts(call.args))


def _corrupts(value: Sym, clean: Sym) -> bool:
    """Whether chance was added to the clean tensor, or hides a part of it."""
    made = through(value, frozenset({"clamp", "to", "float", "detach", "contiguous"}))
    if not isinstance(made, Sym) or made.op not in {"add", "sub", "mul", "where", "masked_fill"}:
        return False
    if not any(i is clean for i in made.inputs):
        return False
    before = {one.id for one in ancestors(clean)}
    beside = [one for i in value.inputs if isinstance(i, Sym) and i is not clean for one in ancestors(i)]
    drawn = any(one.op in DRAWN and one.id not in before for one in beside)
    return drawn and not any(one.layer is not None for one in beside)
