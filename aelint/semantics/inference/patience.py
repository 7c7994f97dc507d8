"""Early stopping as it is written by hand: a best score, and a counter of the rounds that did not improve it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.program import Program
from aelint.semantics.inference.scores import contest
from aelint.syntax.walk import every, walk

__all__ = [
    "IgnoredValidation",
    "Patience",
    "ignored_validations",
    "lenient_improvements",
    "patiences",
    "restarts_waiting",
]

_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, eq=False)
class Patience:
    """One hand-written early stopping.

    Attributes:
        counter: the counter of rounds without improvement, as it is written.
        grows: where it grows by one.
        improves: where the better score is kept.
        better: the statements that run when the score improved.
        worse: the statements beside `grows`.
        resets: how often it is set to a number outside of `__init__` and the code before the loop.
    """

    counter: str
    grows: Site
    improves: Site
    better: tuple[ast.stmt, ...]
    worse: tuple[ast.stmt, ...]
    resets: int


def patiences(program: Program) -> Iterator[Patience]:
    """Every branch on a best score one arm of which keeps the score while the other counts, up to a limit."""
    for scope, node, grows, counter in _counters(program):
        better, worse = _arms(node)
        kept = _kept_score(node, better)
        if kept is not None:
            sites = Site(program.unit, grows), Site(program.unit, kept)
            yield Patience(counter, *sites, tuple(better), tuple(worse), _resets(scope, counter))


def restarts_waiting(program: Program, branch: ast.AST) -> bool:
    """Whether a branch on this condition sets a counter back to zero that some other line increases."""
    for scope in _scopes(program):
        grown = {c for n in every(ast.stmt, scope) if (c := _counted(n))}
        for node in _branches(scope):
            if node.test is branch:
                return any(_is_reset(s, counter) for s in node.body for counter in grown & _limited(scope))
    return False


def _scopes(program: Program) -> list[Scope]:
    """Classes, functions outside of classes, and the file itself: where a counter lives."""
    found: list[Scope] = [program.tree]
    inside: set[int] = set()
    for node in walk(program.tree):
        if isinstance(node, ast.ClassDef):
            found.append(node)
            inside.update(id(n) for n in walk(node) if n is not node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and id(node) not in inside:
            found.append(node)
    return found


def _counters(program: Program) -> Iterator[tuple[Scope, ast.If, ast.stmt, str]]:
    """Each counter that a branch increases, with where it lives: an attribute in its class, a name of a method in that."""
    for scope in _scopes(program):
        owners: list[Scope] = [scope]
        if isinstance(scope, ast.ClassDef):
            owners += [f for f in scope.body if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for owner in owners:
            limited = _limited(owner)
            for node in _branches(owner):
                for statement in _arms(node)[1]:
                    counter = _counted(statement)
                    here = not isinstance(scope, ast.ClassDef) or (owner is scope) == ("." in counter)
                    if counter in limited and here:
                        yield owner, node, statement, counter


def _own(scope: Scope) -> Iterator[ast.AST]:
    # A file's own statements, without those of its functions and classes, which are scopes themselves.
    if not isinstance(scope, ast.Module):
        yield from walk(scope)
        return
    for statement in scope.body:
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from walk(statement)


def _branches(scope: Scope) -> list[ast.If]:
    return [n for n in _own(scope) if isinstance(n, ast.If)]


def _arms(node: ast.If) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The arm that keeps a score and the one that counts, whichever comes first."""
    if any(_counted(s) for s in node.body):
        return node.orelse, node.body
    return node.body, node.orelse


def _counted(statement: ast.stmt) -> str:
    match statement:
        case ast.AugAssign(target=ast.Name() | ast.Attribute() as target, op=ast.Add(), value=ast.Constant(value=1)):
            return ast.unparse(target)
        case ast.Assign(
            targets=[ast.Name() | ast.Attribute() as target],
            value=ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=1)),
        ) if ast.unparse(left) == ast.unparse(target):
            return ast.unparse(target)
        case _:
            return ""


def _limited(scope: Scope) -> set[str]:
    """What is compared with a limit, on either side."""
    compared = [
        n
        for n in _own(scope)
        if isinstance(n, ast.Compare) and len(n.ops) == 1 and isinstance(n.ops[0], (*_ORDERS, ast.Eq))
    ]
    return {ast.unparse(side) for n in compared for side in (n.left, n.comparators[0])}


def _kept_score(node: ast.If, better: list[ast.stmt]) -> ast.stmt | None:
    """The statement of the arm that stores what the condition compares with: `if score < best: best = score`."""
    sides = {ast.unparse(s) for c in every(ast.Compare, node.test) for s in (c.left, *c.comparators)}
    for statement in better:
        match statement:
            case ast.Assign(targets=[target], value=value):
                if ast.unparse(target) in sides or (
                    isinstance(value, ast.Name) and "best" in ast.unparse(target).lower()
                ):
                    return statement
    return None


def _resets(scope: Scope, counter: str) -> int:
    found = 0
    for node in _own(scope):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == "__init__":
            found -= sum(_is_reset(n, counter) for n in every(ast.stmt, node))
        elif isinstance(node, ast.stmt):
            found += _is_reset(node, counter)
    if not isinstance(scope, ast.ClassDef):
        # One of them is the start.
        found -= 1
    return found


def _is_reset(node: ast.stmt, counter: str) -> bool:
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [p for t in targets for p in _pairs(t, value)]
            return any(ast.unparse(t) == counter and not _is_growth(v, counter) for t, v in pairs)
        case ast.AnnAssign(target=target, value=ast.expr()):
            return ast.unparse(target) == counter
        case _:
            return False


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    match target, value:
        case (ast.Tuple(elts=names), ast.Tuple(elts=values)) if len(names) == len(values):
            return list(zip(names, values, strict=True))
        case (ast.Tuple(elts=names), _):
            return [(n, value) for n in names]
        case _:
            return [(target, value)]


def _is_growth(value: ast.expr, counter: str) -> bool:
    return any(ast.unparse(n) == counter for n in walk(value) if isinstance(n, (ast.Name, ast.Attribute)))


@dataclass(frozen=True, slots=True, eq=False)
class IgnoredValidation:
    """A comparison with a best score, in a function that computes a validation loss and never reads it."""

    comparison: Site
    loss: Site
    name: str
    decides: str


_HELD_OUT = re.compile(r"^(val|valid|validation|dev|eval)_?(\w*_)?(loss|error|mse|score)$", re.IGNORECASE)


def ignored_validations(program: Program) -> Iterator[IgnoredValidation]:
    """Functions whose best model is chosen by another number than the validation loss, which lies unused."""
    for function in program.own_functions:
        node = function.node
        if isinstance(node, ast.Lambda):
            continue
        dead = next((d for d in dead_stores(node) if _HELD_OUT.match(d.target.id) and d.overwritten is None), None)
        for branch in every(ast.If, node) if dead is not None else ():
            compared = contest(branch.test, lambda text: "best" in text.lower())
            if compared is not None and isinstance(compared.score, ast.Name) and dead is not None:
                unit = function.module.unit
                loss = Site(unit, dead.target)
                yield IgnoredValidation(Site(unit, branch.test), loss, dead.target.id, compared.score.id)


def lenient_improvements(program: Program) -> Iterator[tuple[Site, str]]:
    """Branches that count only scores below the best one *less* a tolerance, and keep every other as the best."""
    for scope in _scopes(program):
        for node in _branches(scope):
            match node.test:
                case ast.Compare(
                    left=score,
                    ops=[ast.Lt() | ast.LtE()],
                    comparators=[ast.BinOp(left=best, op=ast.Sub(), right=tolerance)],
                ):
                    pass
                case ast.Compare(
                    left=score,
                    ops=[ast.Gt() | ast.GtE()],
                    comparators=[ast.BinOp(left=best, op=ast.Add(), right=tolerance)],
                ):
                    pass
                case _:
                    continue
            counts = any(_counted(s) for s in node.body)
            kept = any(_stores(s, best, score) for s in node.orelse)
            if counts and kept and not isinstance(tolerance, ast.UnaryOp):
                yield Site(program.unit, node.test), ast.unparse(tolerance)


def _stores(statement: ast.stmt, target: ast.expr, value: ast.expr) -> bool:
    match statement:
        case ast.Assign(targets=[to], value=given):
            return ast.unparse(to) == ast.unparse(target) and ast.unparse(given) == ast.unparse(value)
        case _:
            return False
