"""Scores that compare something with itself under two names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import every, own_nodes

__all__ = ["SelfScore", "scores_of_itself"]

_SCORES = re.compile(
    r"auc|auroc|aupr|average_precision|accuracy|f1|psnr|ssim|rmse|mse|mae|r2_score|pearson|spearman", re.IGNORECASE
)
_PREDICTED = re.compile(r"(^|_)(pr|preds?|prediction\w*|scores?|out|outputs?|recon\w*|hat)(_|$)", re.IGNORECASE)
_VIEWS = frozenset({"astype", "copy", "cpu", "detach", "flatten", "float", "numpy", "ravel", "squeeze", "tolist"})


@dataclass(frozen=True, slots=True, eq=False)
class SelfScore:
    """Two names that one expression is read into, and the score that is to compare them."""

    site: Site
    name: str
    other: Site
    other_name: str
    score: Site


def scores_of_itself(program: Program) -> Iterator[SelfScore]:
    """Calls of a score whose two operands are names for one and the same entry, each bound once."""
    for scope in scopes(program.tree):
        nodes = list(own_nodes(scope))
        calls = [n for n in nodes if isinstance(n, ast.Call) and _SCORES.search(last_name(n.func)) and len(n.args) > 1]
        bound = _bound_once(nodes) if calls else {}
        for call in calls:
            given = [bound.get(a.id) if isinstance(a, ast.Name) else None for a in call.args[:2]]
            match given:
                case [ast.Assign() as one, ast.Assign() as other] if one is not other and _is_same(one, other, nodes):
                    yield _found(program, one, other, call)
                case _:
                    pass


def _found(program: Program, one: ast.Assign, other: ast.Assign, call: ast.Call) -> SelfScore:
    first, second = sorted((one, other), key=lambda a: (bool(_PREDICTED.search(last_name(a.targets[0]))), a.lineno))
    names = last_name(second.targets[0]), last_name(first.targets[0])
    return SelfScore(
        Site(program.unit, second), names[0], Site(program.unit, first), names[1], Site(program.unit, call)
    )


def _bound_once(nodes: list[ast.AST]) -> dict[str, ast.Assign]:
    """The names of a scope that one plain assignment gives a value, by name."""
    stores = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    found = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if stores.count(name) == 1:
                found[name] = node
            case _:
                pass
    return found


def _is_same(one: ast.Assign, other: ast.Assign, nodes: list[ast.AST]) -> bool:
    """Whether both read one entry, `results["labels"][rows]`, with nothing between that changes what that is."""
    if not _is_entry(one.value) or ast.dump(one.value) != ast.dump(other.value):
        return False
    first, last = sorted((one.lineno, other.lineno))
    read = {n.id for n in every(ast.Name, one.value)}
    stored = [n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in read]
    # A call may write into what is read: a network whose hooks keep their activations.
    called = [n for n in nodes if isinstance(n, ast.Call) and first < n.lineno < last]
    return not called and not any(first <= n.lineno <= last for n in stored)


def _is_entry(value: ast.expr) -> bool:
    """An entry or attribute of something, moved or flattened at most."""
    match value:
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _VIEWS:
            return _is_entry(inner)
        case ast.Subscript(value=inner) | ast.Attribute(value=inner):
            return isinstance(inner, ast.Name) or _is_entry(inner)
        case _:
            return False
