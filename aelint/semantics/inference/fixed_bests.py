"""Best scores that decide which model is kept, and that nothing ever sets to a score."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Value
from aelint.semantics.inference.scores import Contest, contest
from aelint.semantics.operators.api import is_number
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.signatures import FunctionNode, parameters
from aelint.syntax.walk import every, holds, walk

__all__ = ["FixedBest", "fixed_best"]

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SETS_UNSEEN = frozenset({"setattr", "vars", "__dict__", "__setstate__", "__setattr__", "globals", "locals"})
_SETS_NO_SCORE = frozenset({"object", "ABC", "Module", "LightningModule"})
"""Bases that leave the attributes of a class alone; a callback of a library may keep a best score itself."""


@dataclass(frozen=True, slots=True, eq=False)
class FixedBest:
    """A best score that keeps what it starts with, and the comparison of a score with it."""

    start: Site
    test: Site
    name: str
    score: str


def fixed_best(program: Program, branch: ast.If) -> FixedBest | None:
    """The best score that a branch asks for in round after round, if all that is ever stored in it are numbers of the text."""
    if isinstance(branch.body[-1], (ast.Break, ast.Return, ast.Raise)):
        return None  # the first score that is good enough ends the rounds
    for compared in _contests(branch.test):
        start = _only_start(program, compared.best)
        if start is not None and _is_asked_again(program, branch, compared.best, start):
            test = Site(program.unit, branch.test)
            return FixedBest(start, test, ast.unparse(compared.best), ast.unparse(compared.score))
    return None


def _contests(test: ast.expr) -> Iterator[Contest]:
    """The comparisons of a condition."""
    for part in test.values if isinstance(test, ast.BoolOp) else [test]:
        found = contest(part, lambda text: "best" in text.lower() and "thres" not in text.lower())
        if found is not None and (isinstance(found.best, ast.Name) or is_own_attribute(found.best)):
            yield found


def _only_start(program: Program, best: ast.expr) -> Site | None:
    """Where the score starts, if every place of the program that sets such a name sets a number, or None."""
    name = last_name(best)
    nodes = [n for unit in program.files for n in walk(unit.tree)]
    functions = [n for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    if any(_name(n) in _SETS_UNSEEN for n in nodes) or any(_takes(f, name) for f in functions):
        return None
    places = [n for n in nodes if _name(n) == name and isinstance(getattr(n, "ctx", None), ast.Store)]
    values: dict[int, list[Value]] = {}
    for event in program.assignments:
        values.setdefault(id(event.site.node), []).append(event.value)
    known = all(id(p) in values and all(map(_is_start, values[id(p)])) for p in places)
    own = [n for n in every(type(best), program.tree) if any(n is p for p in places)]
    return Site(program.unit, own[0]) if known and len(own) == 1 else None


def _name(node: ast.AST) -> str:
    return last_name(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _takes(function: FunctionNode, name: str) -> bool:
    return any(p.arg == name for p in parameters(function))


def _is_start(value: Value) -> bool:
    """Whether it is a number that the text shows, or none."""
    largest = isinstance(value, External) and value.name.lower().endswith((".inf", ".infty", ".maxsize"))
    return value is None or largest or is_number(value)


def _is_asked_again(program: Program, branch: ast.If, best: ast.expr, start: Site) -> bool:
    """Whether later rounds compare with the same start: of a local name, those of a loop that the start stands before."""
    if isinstance(best, ast.Attribute):
        around = [c for c in every(ast.ClassDef, program.tree) if holds(c, branch)]
        return all(last_name(base) in _SETS_NO_SCORE for c in around for base in c.bases)
    loops = [n for n in walk(program.tree) if isinstance(n, _LOOPS) and holds(n, branch)]
    return any(not holds(loop, start.node) for loop in loops)
