"""Networks that are run a second time on the same input, so that a function returns one result twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Return
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.equality import same_values
from aelint.semantics.interpreter.kinds import is_module

__all__ = ["RepeatedRun", "repeated_runs"]


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedRun:
    """The second of two runs, written alike, and the first."""

    site: Site
    first: Site


def repeated_runs(program: Program) -> Iterator[RepeatedRun]:
    """Runs that repeat one before, of both of which the same result is returned: what was drawn or dropped may differ."""
    runs: dict[int, list[Call]] = {}
    for call in program.calls:
        if is_module(call.callee) and call.context.stack and isinstance(call.site.node, ast.Call) and call.args:
            runs.setdefault(id(call.context.stack[-1]), []).append(call)
    told: set[int] = set()
    for ended in program.returns:
        for first, second in _alike(runs.get(id(ended.context.stack[-1]), [])):
            if id(second.site.node) not in told and _are_both_returned(ended, first, second):
                told.add(id(second.site.node))
                yield RepeatedRun(second.site, first.site)


def _alike(runs: list[Call]) -> Iterator[tuple[Call, Call]]:
    """Runs of one network in one call of a function at two places, with the same text."""
    places: dict[int, dict[ast.AST, Call]] = {}
    for call in runs:
        places.setdefault(id(call.callee), {}).setdefault(call.site.node, call)
    for calls in places.values():
        for first, second in combinations(calls.values(), 2):
            if ast.dump(first.site.node) == ast.dump(second.site.node):
                yield first, second


def _are_both_returned(ended: Return, first: Call, second: Call) -> bool:
    returned = {one.id for one in parts(ended.value)}
    pairs = zip(parts(first.result), parts(second.result), strict=False)
    return any(a is not b and {a.id, b.id} <= returned and _is_computed(a) and same_values(a, b) for a, b in pairs)


def _is_computed(value: Sym) -> bool:
    return value.tensor is not False and bool(value.inputs)
