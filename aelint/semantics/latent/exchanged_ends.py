"""Interpolations that go from one end to the other on one way through the function, and back on another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.formulas.written import OpaqueError, work_out
from aelint.syntax.signatures import asked_for, positional
from aelint.syntax.walk import every, own_nodes

__all__ = ["ExchangedEnds", "exchanged_ends"]

_FIRST, _SECOND = 2.0, 5.0
_ELSEWHERE = 0.7
"""What stands for all that cannot be worked out, such as the angle between the ends: the ends do not hang on it."""
_CLOSE = 1e-3
_MOST = 5


@dataclass(frozen=True, slots=True, eq=False)
class ExchangedEnds:
    """The return that begins at the other end, a return that does not, and the names of both ends and of the weight."""

    site: Site
    other: Site
    first: str
    second: str
    weight: str


def exchanged_ends(program: Program) -> Iterator[ExchangedEnds]:
    """Functions of which one return is `first` where the weight is 0 and `second` where it is 1, and another the reverse."""
    for function in every(ast.FunctionDef, program.tree):
        names = asked_for(function)
        returns = [n for n in own_nodes(function) if isinstance(n, ast.Return) and n.value is not None]
        if len(returns) < 2 or not 3 <= len(names) <= _MOST:
            continue
        for weight, first, second in permutations(names, 3):
            ends = [(node, _ends(function, node, weight, first, second)) for node in returns]
            straight = [node for node, found in ends if found == (_FIRST, _SECOND)]
            turned = [node for node, found in ends if found == (_SECOND, _FIRST)]
            if straight and turned and names.index(first) < names.index(second):
                # The way that most calls take is the one with more to it: it stands last.
                wrong, right = (
                    (turned[0], straight[-1]) if straight[-1].lineno > turned[0].lineno else (straight[0], turned[-1])
                )
                yield ExchangedEnds(Site(program.unit, wrong), Site(program.unit, right), first, second, weight)
                break


def _ends(
    function: ast.FunctionDef, node: ast.Return, weight: str, first: str, second: str
) -> tuple[float, float] | None:
    found = []
    for number in (0.0, 1.0):
        known = dict.fromkeys(positional(function), _ELSEWHERE) | {weight: number, first: _FIRST, second: _SECOND}
        for statement in own_nodes(function):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if statement.lineno < node.lineno:
                    known[name] = _tried(value, known)
                case _:
                    pass
        if node.value is None:
            return None
        try:
            reached = work_out(node.value, known)
        except (OpaqueError, ArithmeticError, ValueError):
            return None
        found.append(next((end for end in (_FIRST, _SECOND) if abs(reached - end) < _CLOSE), reached))
    return found[0], found[1]


def _tried(value: ast.expr, known: dict[str, float]) -> float:
    try:
        return work_out(value, known)
    except (OpaqueError, ArithmeticError, ValueError):
        return _ELSEWHERE
