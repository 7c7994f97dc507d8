"""The expression that was written for an argument, followed from callee to caller through functions that only pass it on."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.domain.trace import Activation
from aelint.syntax.names import uses
from aelint.syntax.signatures import FunctionNode, defaults, parameters, positional

__all__ = ["Written", "argument", "shows_all", "taken", "written"]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """An expression, the parameter that it stands for in the call nearest to it, and the functions that run where it is."""

    site: Site
    expression: ast.expr
    parameter: str
    stack: tuple[Activation, ...]
    is_default: bool = False


def written(given: ast.expr, parameter: str, site: Site, stack: tuple[Activation, ...]) -> Written | None:
    """What stands behind the argument of a call at `site`; None where `*args` or `**kwargs` hide what was passed."""
    if not isinstance(given, ast.Name) or not stack or not _is_passed_on(stack[-1], given):
        return Written(Site(site.unit, given), given, parameter, stack)
    *outer, running = stack
    if running.site is not None and not running.is_entry:
        call = running.site.node
        if not isinstance(call, ast.Call) or not (shows_all(call) or _is_left_out(running, call, given.id)):
            return None
        further = argument(call, given.id, taken(running))
        if further is not None:
            return written(further, given.id, running.site, tuple(outer))
    default = defaults(running.function.node).get(given.id)
    if default is None:
        return None
    return Written(Site(running.function.module.unit, default), default, given.id, tuple(outer), is_default=True)


def _is_left_out(running: Activation, call: ast.Call, name: str) -> bool:
    """Whether a call that hands on `**settings` is seen to pass nothing under that name."""
    spliced = any(isinstance(a, ast.Starred) for a in call.args)
    placed = taken(running)[: len(call.args)]
    return not spliced and name not in placed and not {name, "**"} & running.named.keys()


def argument(call: ast.Call, name: str, names: list[str]) -> ast.expr | None:
    """What a call gives for one of a function's parameters; None if it leaves it out or hands on lists of arguments."""
    if not shows_all(call):
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    place = names.index(name) if name in names else len(call.args)
    return call.args[place] if place < len(call.args) else None


def shows_all(call: ast.Call) -> bool:
    """Whether a call shows all that it passes: without `*args` and `**kwargs`."""
    return not any(isinstance(a, ast.Starred) for a in call.args) and all(k.arg is not None for k in call.keywords)


def _is_passed_on(running: Activation, name: ast.Name) -> bool:
    """Whether a name is a parameter that its function never sets."""
    node = running.function.node
    own = any(p.arg == name.id for p in parameters(node))
    return own and all(isinstance(n.ctx, ast.Load) for n in uses(node, name.id))


def taken(running: Activation) -> list[str]:
    """The names of the parameters that arguments are bound to, in order, without `self`."""
    node: FunctionNode = running.function.node
    names = positional(node)
    bound = running.function.owner is not None and "staticmethod" not in running.function.decorators
    return names[1:] if bound else names
