"""Statistics of data under the name of another one: a deviation that is computed as a mean."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import own_nodes

__all__ = ["WrongStatistic", "wrong_statistics"]

_KINDS = {
    **dict.fromkeys(["mean", "avg", "nanmean", "average"], "mean"),
    **dict.fromkeys(["std", "stdev", "stddev", "nanstd"], "standard deviation"),
    **dict.fromkeys(["min", "amin", "nanmin", "minimum"], "minimum"),
    **dict.fromkeys(["max", "amax", "nanmax", "maximum"], "maximum"),
}
_COUNTERPARTS = {
    "mean": "standard deviation",
    "standard deviation": "mean",
    "minimum": "maximum",
    "maximum": "minimum",
}


@dataclass(frozen=True, slots=True, eq=False)
class WrongStatistic:
    """A value that computes another statistic than its name says, the very one that its counterpart is."""

    site: Site
    name: str
    wanted: str
    other: str
    counterpart: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    name: str
    stem: str
    kind: str
    value: ast.expr


def wrong_statistics(program: Program) -> Iterator[WrongStatistic]:
    """Pairs of statistics of the entry file, set side by side, of which one repeats the other."""
    for scope in scopes(program.tree):
        named = [n for node in own_nodes(scope) for name, value in _pairs(node) if (n := _named(name, value))]
        for one in named:
            computed = _computed(one.value)
            if computed != _COUNTERPARTS[one.kind]:
                continue
            same = (n for n in named if n.stem == one.stem and n.kind == computed)
            twin = next((n for n in same if ast.dump(_bare(n.value)) == ast.dump(_bare(one.value))), None)
            if twin is not None:
                unit = program.unit
                yield WrongStatistic(Site(unit, one.value), one.name, one.kind, twin.name, Site(unit, twin.value))


def _pairs(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement or a call gives to values: variables, attributes, entries, arguments."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            yield from ((last_name(t), v) for t, v in zip(targets, values, strict=False))
        case ast.Assign(targets=[target], value=value):
            yield last_name(target), value
        case ast.Call(keywords=keywords):
            yield from ((k.arg, k.value) for k in keywords if k.arg)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            yield from ((k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str))
        case _:
            pass


def _named(name: str, value: ast.expr) -> _Named | None:
    words = [w for w in re.split(r"_|(?<=[a-z])(?=[A-Z])", name.lower()) if w]
    kinds = [_KINDS[w] for w in words if w in _KINDS]
    stem = "_".join(w for w in words if w not in _KINDS)
    return _Named(name, stem, kinds[0], value) if len(kinds) == 1 else None


def _bare(value: ast.expr) -> ast.expr:
    """What a constant is added to, against a division by zero."""
    match value:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant() | ast.Name(id="eps" | "EPS" | "epsilon")):
            return left
        case _:
            return value


def _computed(value: ast.expr) -> str | None:
    """Which statistic an expression is: `np.mean(x)`, `x.mean(0)`, and what is done to its shape or type behind it."""
    value = _bare(value)
    while isinstance(value, (ast.Call, ast.Attribute)):
        if isinstance(value, ast.Attribute):
            value = value.value
        elif (kind := _KINDS.get(last_name(value.func))) is not None:
            return kind
        else:
            value = value.func
    return None
