"""Functions of a `LambdaLR` that give a learning rate, where the schedule multiplies the optimiser's own rate by what they give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.scopes import Scope
from aelint.semantics.optimization.training import scheduled
from aelint.syntax.names import last_name, uses
from aelint.syntax.signatures import FunctionNode, parameters
from aelint.syntax.walk import own_nodes

__all__ = ["RateFactor", "rate_factors"]

_FACTORS = ("LambdaLR", "MultiplicativeLR")
_RATE = re.compile(r"(^|_)(lr|learning_rate)$", re.IGNORECASE)
_SMALL = 0.05
"""A number above this may be a factor that only has the name of a rate: `decay_lr = 0.9`."""


@dataclass(frozen=True, slots=True, eq=False)
class RateFactor:
    """The learning rate `name`, as large as `rate`, that a schedule's function gives at `given` for a factor."""

    name: str
    rate: float
    given: Site
    schedule: Object


def rate_factors(program: Program) -> Iterator[RateFactor]:
    """What such functions return that has the unit of a learning rate: a rate, times numbers, that nothing divides by a rate.

    An optimiser whose own rate is one leaves the rate to the function.
    """
    for schedule in program.machine.objects:
        optimizer = scheduled(schedule) if schedule.name.endswith(_FACTORS) else None
        if not isinstance(optimizer, Object) or _own_rate(optimizer) in {1, None}:
            continue
        for function in _functions(schedule):
            for given in _results(function.node):
                rate = _Units(function).rate(given)
                number = None if rate is None else _number(rate, function.scope)
                if rate is not None and number is not None:
                    site = Site(function.module.unit, given)
                    yield RateFactor(last_name(rate), number, site, schedule)


def _own_rate(optimizer: Object) -> Value:
    """The rate that an optimiser is given, 0 where that is not a number; None where it is left to the groups."""
    rate = optimizer.args[1] if len(optimizer.args) > 1 else optimizer.kwargs.get("lr")
    return rate if rate is None or isinstance(rate, (int, float)) else 0


def _functions(schedule: Object) -> Iterator[Function]:
    given = schedule.args[1] if len(schedule.args) > 1 else schedule.kwargs.get("lr_lambda")
    for one in given.items if isinstance(given, ListValue) else (given,):
        if isinstance(one, Function):
            yield one


def _results(function: FunctionNode) -> list[ast.expr]:
    if isinstance(function, ast.Lambda):
        return [function.body]
    returned = (n.value for n in own_nodes(function) if isinstance(n, ast.Return))
    return [value for value in returned if value is not None]


@dataclass(frozen=True, slots=True)
class _Units:
    """Tells rates from plain numbers by what a function computes of the names around it."""

    function: Function

    def rate(self, expression: ast.expr) -> ast.expr | None:
        """A learning rate that the expression is a multiple of, None if it is a plain number or cannot be told."""
        match expression:
            case ast.Name() | ast.Attribute():
                return self._named(expression)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                found = [r for r in (self.rate(left), self.rate(right)) if r is not None]
                return found[0] if len(found) == 1 else None
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return None if self.rate(right) is not None else self.rate(left)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                # Only rates are added to rates: in `1 - min_lr` the name stands for a share.
                return self.rate(left) and self.rate(right)
            case ast.BinOp(left=base, op=ast.Pow()):
                return self.rate(base)
            case ast.IfExp(body=one, orelse=other):
                return self.rate(one) or self.rate(other)
            case _:
                return None

    def _named(self, name: ast.Name | ast.Attribute) -> ast.expr | None:
        """A rate from outside of the function, or what a name inside of it was given."""
        node = self.function.node
        if not isinstance(name, ast.Name):
            return name if _RATE.search(name.attr) else None
        if any(p.arg == name.id for p in parameters(node)):
            return None
        bound = [n for n in uses(node, name.id) if isinstance(n.ctx, ast.Store)]
        if not bound:
            return name if _RATE.search(name.id) else None
        values = [n.value for n in own_nodes(node) if isinstance(n, ast.Assign) and n.targets == bound]
        return self.rate(values[0]) if len(values) == 1 and not uses(values[0], name.id) else None


def _number(rate: ast.expr, scope: Scope) -> float | None:
    """How large a rate from around the function is, None where that is unknown, or more than rates are."""
    value = _known(rate, scope)
    return float(value) if isinstance(value, (int, float)) and 0 < value <= _SMALL else None


def _known(expression: ast.expr, scope: Scope) -> Value:
    match expression:
        case ast.Name(id=name):
            return scope.known(name)
        case ast.Attribute(value=inner, attr=attr):
            return _held(_known(inner, scope), attr)
        case _:
            return None


def _held(owner: Value, name: str) -> Value:
    match owner:
        case Instance(attrs=attrs) | Object(attrs=attrs):
            return attrs.get(name)
        case Sym(op="namespace", attrs=options):
            return options.get(f".{name}")
        case _:
            return None
