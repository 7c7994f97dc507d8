"""Where an option was set that decides whether an operation runs: `Criterion(average=True)` behind `if self.average:`."""

from __future__ import annotations

import ast

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import Written, argument, written
from aelint.semantics.domain.trace import Activation, Binding, Return
from aelint.semantics.domain.values import ClassValue, Function, Instance, Sym, Value
from aelint.syntax.kept import kept
from aelint.syntax.names import is_own_attribute
from aelint.syntax.signatures import FunctionNode, defaults, positional
from aelint.syntax.walk import every, holds

__all__ = ["switched_at"]


def switched_at(program: Program, node: Sym) -> Site | None:
    """Where the option was written behind whose test an operation stands; None where it stands behind no such test."""
    stack = _running(program, node)
    if not stack or node.site is None:
        return None
    match _option(stack[-1].function.node, node.site.node):
        case ast.Name() as given:
            found = written(given, given.id, Site(node.site.unit, given), stack)
        case ast.Attribute(attr=name):
            found = _given_to_constructor(program, stack[-1].receiver, name)
        case _:
            return None
    return found.site if found is not None and isinstance(found.expression, ast.Constant) else None


def _running(program: Program, node: Sym) -> tuple[Activation, ...]:
    """The functions that run where a value is computed, as far as it gets a name there or is returned at once."""
    # The callers return the same value later.
    bound: list[Binding | Return] = [b for b in program.bindings if b.value is node]
    events = [*bound, *(r for r in program.returns if r.value is node)]
    first = min(events, key=lambda e: e.order, default=None)
    return first.context.stack if first is not None else ()


def _option(function: FunctionNode, operation: ast.AST) -> ast.Name | ast.Attribute | None:
    """The one name or attribute that the innermost test around an operation asks for; constants beside it may be what it is compared with."""
    around = [n for n in every(ast.If, function) if not holds(n.test, operation) and holds(n, operation)]
    test = around[-1].test if around else None
    asked = [n for n in every(ast.expr, test) if isinstance(n, (ast.Name, ast.Attribute))] if test is not None else []
    match asked:
        case [ast.Name() as name] if name.id in positional(function):
            return name
        case [ast.Attribute() as attribute, ast.Name()] if is_own_attribute(attribute):
            return attribute
        case _:
            return None


def _given_to_constructor(program: Program, owner: Value, name: str) -> Written | None:
    """What was given for the argument that a constructor keeps under the same name as an attribute."""
    made = next((c for c in program.calls if c.result is owner and isinstance(c.callee, ClassValue)), None)
    start = owner.cls.find("__init__") if isinstance(owner, Instance) else None
    if made is None or not isinstance(start, Function) or not isinstance(made.site.node, ast.Call):
        return None
    if name not in positional(start.node) or not any(
        one.attribute == one.name == name for one in kept(every(ast.Assign, start.node))
    ):
        return None
    given = argument(made.site.node, name, positional(start.node)[1:])
    if given is not None:
        return written(given, name, made.site, made.context.stack)
    default = defaults(start.node).get(name)
    return (
        Written(Site(start.module.unit, default), default, name, (), is_default=True) if default is not None else None
    )
