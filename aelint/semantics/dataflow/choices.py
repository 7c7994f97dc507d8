"""Where a value that arrived through arguments and defaults was written: what a user changes to change it."""

from __future__ import annotations

import ast

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import Written, written
from aelint.semantics.domain.trace import Activation, Call
from aelint.semantics.domain.values import Function, Object, Value

__all__ = ["chosen_at", "written_at"]


def chosen_at(program: Program, layer: Object) -> Site | None:
    """Where a layer was chosen by its name: `activation("relu")`, `ACTIVATIONS[name]()`, `getattr(nn, name)()`."""
    for call in program.calls:
        if call.result is layer and (words := _words(call)) is not None:
            return _literal(words[0], call.site, call.context.stack) if len(words) == 1 else None
    return None


def _words(call: Call) -> list[ast.expr] | None:
    """The names that decide what a call makes; None where nothing is chosen by a name."""
    match call.site.node:
        case ast.Call() as node if isinstance(call.callee, Function):
            return [a for a in _arguments(node) if isinstance(_value(call, a), str)]
        case (
            ast.Call(func=ast.Subscript(slice=key))
            | ast.Call(func=ast.Call(func=ast.Name(id="getattr"), args=[_, key, *_]))
        ) if isinstance(key, ast.Name):
            return [key]
        case _:
            return None


def written_at(program: Program, layer: Object, argument: ast.expr | None) -> Site | None:
    """Where an argument of a layer's constructor was written, up the calls that only pass it on; None where it was computed."""
    made = next((c for c in program.calls if c.result is layer and not isinstance(c.callee, Function)), None)
    if made is None or argument is None:
        return None
    return _literal(argument, made.site, made.context.stack)


def _arguments(node: ast.AST) -> list[ast.expr]:
    return [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []


def _value(call: Call, argument: ast.expr) -> Value:
    """What the call received for the argument, as far as its place tells."""
    node = call.site.node
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return None
    for place, one in enumerate(node.args):
        if one is argument and place < len(call.args):
            return call.args[place]
    return next((call.kwargs.get(k.arg) for k in node.keywords if k.value is argument and k.arg is not None), None)


def _literal(argument: ast.expr, site: Site, stack: tuple[Activation, ...]) -> Site | None:
    """The literal behind an argument, or the default that stands in for one."""
    match written(argument, "", site, stack):
        case Written(site=place, expression=ast.Constant()) | Written(site=place, is_default=True):
            return place
        case _:
            return None
