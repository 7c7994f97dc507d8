"""Calls in a training loop that go past the wrapper which averages gradients over processes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["Bypass", "bypasses"]

_WRAPPERS = frozenset({"DistributedDataParallel", "DDP"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SYNCHRONIZES = frozenset({"all_reduce", "no_sync", "reduce_gradients", "average_gradients", "sync_gradients"})


@dataclass(frozen=True, slots=True, eq=False)
class Bypass:
    """A call of the module inside of a wrapper, in a loop that computes gradients, and where it was wrapped."""

    call: Site
    wrapped: Site
    backward: Site


def bypasses(program: Program) -> Iterator[Bypass]:
    """`ddp.module(x)` and `ddp.module.encode(x)` in a loop with `backward` that never calls `ddp` itself."""
    wrapped = {ast.unparse(t): n for t, n in _wrapped(program.tree)}
    names = {last_name(n.func) for n in every(ast.Call, program.tree)}
    if not wrapped or names & _SYNCHRONIZES:
        return
    for loop in _innermost_with_backward(program.tree):
        nodes = [n for s in loop.body for n in _with_gradients(s)]
        calls = [n for n in nodes if isinstance(n, ast.Call)]
        backward = next((c for c in calls if last_name(c.func) in {"backward", "manual_backward"}), None)
        for owner, made in wrapped.items():
            if any(ast.unparse(c.func) == owner for c in calls) or backward is None:
                continue
            past = next((c for c in calls if _is_past(c, owner) and c.lineno <= backward.lineno), None)
            if past is not None:
                unit = program.unit
                yield Bypass(Site(unit, past), Site(unit, made), Site(unit, backward))


def _wrapped(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.Call]]:
    for node in walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=ast.Call(func=func) as call):
                if last_name(func) in _WRAPPERS:
                    yield target, call


def _innermost_with_backward(tree: ast.AST) -> Iterator[ast.For | ast.AsyncFor | ast.While]:
    for loop in (n for n in walk(tree) if isinstance(n, _LOOPS)):
        inner = [n for s in loop.body for n in walk(s) if isinstance(n, _LOOPS)]
        if _computes(loop) and not any(_computes(n) for n in inner):
            yield loop


def _computes(loop: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func) == "backward" for n in own_nodes(loop))


def _with_gradients(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement that do not stand under `no_grad`."""
    match statement:
        case ast.With(items=items) if any("no_grad" in ast.unparse(i) or "inference" in ast.unparse(i) for i in items):
            return
        case ast.With(body=body) | ast.If(body=body, orelse=[]):
            for inner in body:
                yield from _with_gradients(inner)
        case _:
            yield from walk(statement)


_NO_PASS = frozenset(
    {
        "state_dict",
        "parameters",
        "named_parameters",
        "train",
        "eval",
        "zero_grad",
        "requires_grad_",
        "to",
        "load_state_dict",
    }
)


def _is_past(call: ast.Call, owner: str) -> bool:
    """Whether the call runs the module in the wrapper, or a method of it, on data."""
    match call.func:
        case ast.Attribute(attr="module", value=inner):
            return ast.unparse(inner) == owner and bool(call.args)
        case ast.Attribute(attr=attr, value=ast.Attribute(attr="module", value=inner)):
            return (
                ast.unparse(inner) == owner and bool(call.args) and attr not in _NO_PASS and not attr.startswith("set_")
            )
        case _:
            return False
