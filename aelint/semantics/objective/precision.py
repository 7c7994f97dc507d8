"""Small numbers that are to keep a logarithm or a quotient finite, and that single precision rounds away.

Between 0.5 and 1 numbers of single precision lie 6e-8 apart (IEEE 754, binary32: 24 binary digits): 1 - 1e-8 is 1. The
argument of the logarithm is computed twice at the one value that it is guarded against: as written, and as torch computes it.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import written
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.objective.comparisons import is_output
from aelint.semantics.operators.api import is_number
from aelint.syntax.walk import every

__all__ = ["LostGuard", "SubtractedGuard", "lost_guards", "subtracted_guards"]

SMALLEST_GUARDED = 1e-4
"""What is left for the logarithm where the guard counts; a larger number has other reasons."""
_DOUBLE = re.compile(r"\.double\(|\bfloat64\b|torch\.double\b|DoubleTensor")
_CUT = frozenset({"clamp", "nan_to_num", "where", "maximum", "minimum"})
_UNIFORM = frozenset({"rand", "uniform", "bernoulli", "randint"})
_KEPT = RESHAPES - {"double", "half"}
_POINTS = (1.0, 0.0, -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class LostGuard:
    """An argument of the operation `node` that is to be `meant` where `leaf` is `point`; it is `limit`, so that the result is infinite."""

    node: Sym
    site: Site
    leaf: Sym
    point: float
    meant: float
    limit: float
    bound: float | None
    """The bound of a `clamp` that is rounded; None where a sum is."""


@dataclass(frozen=True, slots=True, eq=False)
class SubtractedGuard:
    """A logarithm whose argument is `reached` < 0 where `leaf` is `point`, the end of its range, for a small number is taken away."""

    node: Sym
    site: Site
    leaf: Sym
    point: float
    reached: float


def subtracted_guards(program: Program) -> Iterator[SubtractedGuard]:
    """Logarithms of `1 - p - eps` and `p - eps`: the small number that is to keep them finite has the wrong sign."""
    for node, argument in _guarded(program):
        leaf = _leaf(argument)
        if node.op != "log" or leaf is argument or argument.op not in {"add", "sub"} or argument.site is None:
            continue
        for point in {leaf.range.low, leaf.range.high} & set(_POINTS):
            reached = _value(argument, leaf, point, single=False)
            attained = leaf.op not in _UNIFORM or point != 1
            if attained and -SMALLEST_GUARDED < reached < 0 and not _is_cut(program, node):
                yield SubtractedGuard(node, argument.site, leaf, point, reached)


def lost_guards(program: Program) -> Iterator[LostGuard]:
    """Logarithms, quotients and inverse hyperbolic tangents of guarded values whose guard has no effect."""
    for node, argument in _guarded(program):
        found = _lost(node, argument)
        if found is None or _is_cut(program, node) or any(_DOUBLE.search(unit.text) for unit in program.files):
            continue
        if node.op != "truediv" or is_output(argument):
            cut = _clamped(argument, found.leaf)
            yield found if cut is None else replace(found, site=_chosen(program, cut) or found.site)


def _chosen(program: Program, cut: Sym) -> Site | None:
    """Where the number that bounds a `clamp` is written, if that is an argument of the function, or its default.

    A sum can be put right where it stands; of the bound `1 - eps` only the number can be changed.
    """
    call = next((c for c in program.calls_to("clamp") if c.result is cut), None)
    bounds = [n for n in every(ast.BinOp, call.site.node) if isinstance(n.op, ast.Sub)] if call is not None else []
    match call, bounds:
        case Call(site=site, context=context), [ast.BinOp(left=ast.Constant(), right=ast.Name(id=name) as number)]:
            found = written(number, name, site, context.stack)
            return found.site if found is not None and isinstance(found.expression, ast.Constant) else None
        case _:
            return None


def _is_cut(program: Program, node: Sym) -> bool:
    """Whether what is not finite is replaced afterwards."""
    return any(user.op in _CUT for user in consumers(program).get(node.id, ()))


def _guarded(program: Program) -> Iterator[tuple[Sym, Sym]]:
    """Operations of torch that are infinite at some argument, and that argument."""
    for call in program.calls_to("log", "atanh", "reciprocal", "rsqrt"):
        argument = call.bound.get("input")
        of_torch = not isinstance(call.callee, External) or call.callee.name.startswith("torch.")
        if of_torch and isinstance(call.result, Sym) and isinstance(argument, Sym):
            yield call.result, argument
    for node in nodes_of(program, "truediv"):
        divisor = node.inputs[1] if len(node.inputs) == 2 else None
        if isinstance(divisor, Sym):
            yield node, divisor


def _lost(node: Sym, argument: Sym) -> LostGuard | None:
    leaf = _leaf(argument)
    if (
        leaf is None
        or leaf is argument
        or argument.site is None
        or leaf.tensor is False
        or leaf.kind in {"size", "int"}
    ):
        return None
    limits = (1.0, -1.0) if node.op == "atanh" else (0.0,)
    for point in _POINTS:
        if not leaf.range.low <= point <= leaf.range.high or (leaf.op in _UNIFORM and point == 1):
            continue
        meant, computed = _value(argument, leaf, point, single=False), _value(argument, leaf, point, single=True)
        for limit in limits:
            inside = limit - meant if limit == 1 else meant - limit
            if 0 < inside < SMALLEST_GUARDED and computed == limit:
                cut = _clamped(argument, leaf)
                site = argument.site if cut is None or cut.site is None else cut.site
                return LostGuard(node, site, leaf, point, meant, limit, None if cut is None else _bound(cut, point))
    return None


def _leaf(value: Sym) -> Sym:
    """The one tensor that numbers are added to, subtracted from or multiplied with."""
    while (inner := _operand(value)) is not None:
        value = inner
    return value


def _operand(value: Sym) -> Sym | None:
    """The tensor that an operation combines with numbers, bounds or only reshapes; None for every other operation."""
    match value.op:
        case "add" | "sub" | "mul" if len(value.inputs) == 2:
            tensors = [i for i in value.inputs if not is_number(i)]
            inner = tensors[0] if len(tensors) == 1 else None
        case "clamp" if not all(b is None or is_number(b) for b in _bounds(value)):
            inner = None
        case op if op in _KEPT | {"neg", "clamp"}:
            inner = source(value)
        case _:
            inner = None
    return inner if isinstance(inner, Sym) else None


def _bounds(cut: Sym) -> tuple[Value, Value]:
    return cut.attrs.get("min"), cut.attrs.get("max")


def _value(value: Sym, leaf: Sym, point: float, *, single: bool) -> float:
    """The value where the leaf is `point`, as written or in single precision after every operation."""
    inner = _operand(value)
    if value is leaf or inner is None:
        return point
    at = _value(inner, leaf, point, single=single)
    left, right = (at if i is inner else _rounded(float(i), single) for i in _pair(value, inner))
    match value.op:
        case "add":
            found = left + right
        case "sub":
            found = left - right
        case "mul":
            found = left * right
        case "neg":
            found = -at
        case "clamp":
            low, high = (None if b is None else _rounded(float(b), single) for b in _bounds(value))
            found = at if low is None else max(at, low)
            found = found if high is None else min(found, high)
        case _:
            found = at
    return _rounded(found, single)


def _pair(value: Sym, inner: Sym) -> tuple[Value, Value]:
    """The two sides of an operator; of other operations the one tensor."""
    return (value.inputs[0], value.inputs[1]) if value.op in {"add", "sub", "mul"} else (inner, inner)


def _rounded(number: float, single: bool) -> float:
    if not single:
        return number
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return number


def _clamped(value: Sym, leaf: Sym) -> Sym | None:
    """The `clamp` between the leaf and the value, if there is one."""
    while value is not leaf and value.op != "clamp" and (inner := _operand(value)) is not None:
        value = inner
    return value if value.op == "clamp" and value is not leaf else None


def _bound(cut: Sym, point: float) -> float | None:
    """The bound that cuts the point off."""
    low, high = (float(b) if is_number(b) else None for b in _bounds(cut))
    return high if high is not None and high < point else low
