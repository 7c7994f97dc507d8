"""Where a value that arrived through arguments and defaults was written: what a user changes to change it."""

from __future__ import annotations

import ast

from aelint.rule import Site
from aelint.semantics.program import Program
from aelint.semantics.trace import Activation, Call
from aelint.semantics.values import Function, Object, Value
from aelint.syntax.signatures import FunctionNode, defaults, parameters
from aelint.syntax.walk import every

__all__ = ["chosen_at", "written_at"]


def chosen_at(program: Program, layer: Object) -> Site | None:
    """Where a layer was chosen that a function of the project gave by its name, `activation("relu")`; None where none did."""
    for call in program.calls:
        if call.result is layer and isinstance(call.callee, Function):
            words = [a for a in _arguments(call.site.node) if isinstance(_value(call, a), str)]
            return _origin(words[0], call.context.stack, call.site) if len(words) == 1 else None
    return None


def written_at(program: Program, layer: Object, argument: ast.expr | None) -> Site | None:
    """Where an argument of a layer's constructor was written, up the calls that only pass it on; None where it was computed."""
    made = next((c for c in program.calls if c.result is layer and not isinstance(c.callee, Function)), None)
    if made is None or argument is None:
        return None
    return _origin(argument, made.context.stack, made.site)


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


def _origin(argument: ast.expr, stack: tuple[Activation, ...], site: Site) -> Site | None:
    """The literal behind an argument, or the default that stands in for one, seen from the running functions."""
    if isinstance(argument, ast.Constant):
        return Site(site.unit, argument)
    if not isinstance(argument, ast.Name) or not stack:
        return None
    running = stack[-1]
    function = running.function.node
    if argument.id not in {p.arg for p in parameters(function)} or _is_rebound(function, argument.id):
        return None
    given = _given(running, argument.id)
    if given is not None and running.site is not None:
        return _origin(given, stack[:-1], running.site)
    default = defaults(function).get(argument.id)
    passed_on = running.site is None or _is_plain(running.site.node)
    return Site(running.function.module.unit, default) if default is not None and passed_on else None


def _is_rebound(function: FunctionNode, name: str) -> bool:
    return any(n.id == name and isinstance(n.ctx, ast.Store) for n in every(ast.Name, function))


def _is_plain(node: ast.AST) -> bool:
    """Whether a call shows all that it passes: without `*args` and `**kwargs`."""
    if not isinstance(node, ast.Call):
        return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return not any(isinstance(a, ast.Starred) for a in node.args) and all(k.arg is not None for k in node.keywords)


def _given(running: Activation, name: str) -> ast.expr | None:
    """The argument of the call that stands for a parameter; None where it was left out or cannot be told."""
    node = running.site.node if running.site is not None else None
    function = running.function.node
    if not isinstance(node, ast.Call) or not _is_plain(node):
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    names = [p.arg for p in parameters(function)]
    if running.receiver is not None and names and not any("staticmethod" in d for d in running.function.decorators):
        names = names[1:]
    place = names.index(name) if name in names else len(node.args)
    return node.args[place] if place < len(node.args) else None
