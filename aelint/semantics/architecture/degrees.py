"""Degrees of a graph's nodes, and the matrices whose rows and columns are divided by them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, adds_axes, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Sym, Value

__all__ = ["ForeignDegrees", "foreign_degrees"]


@dataclass(frozen=True, slots=True, eq=False)
class ForeignDegrees:
    """Where degrees are summed, where the self-loops that they lack are added, and the product that needs them."""

    summed: Site
    looped: Site
    scaled: Site


def foreign_degrees(program: Program) -> Iterator[ForeignDegrees]:
    """Matrices with self-loops that are divided by row sums of what they were before, and by none of their own."""
    for looped in nodes_of(program, "add", "call", "setitem"):
        plain = _without_loops(looped)
        found = list(_scalings(program, looped)) if plain is not None else []
        if any(degrees.of is looped for degrees, _ in found):
            continue
        for degrees, product in found:
            summed = degrees.summed
            # What is changed in place and summed afterwards, under whatever name, has its self-loops by then.
            early = summed.id < looped.id or not _is_in_place(looped)
            if degrees.of is plain and early and summed.site and looped.site and product.site:
                yield ForeignDegrees(summed.site, looped.site, product.site)


@dataclass(frozen=True, slots=True)
class _Degrees:
    """Row sums of a matrix raised to a power, as a vector or on a diagonal."""

    summed: Sym
    of: Value
    power: float = 1.0
    diagonal: bool = False


_GUARD = 1e-2
"""Numbers up to this size are added against a division by zero."""
_POWERS = {"sqrt": 0.5, "rsqrt": -0.5, "reciprocal": -1.0, "inverse": -1.0, "inv": -1.0, "pinv": -1.0, "pinverse": -1.0}
_RAISES = frozenset({"fractional_matrix_power", "matrix_power"})
_DIAGONALS = frozenset({"diag", "diag_embed", "diags"})
_COPIES = frozenset({"clone", "copy", "repeat", "tensor", "array"})
_SAME = (
    RESHAPES
    | _COPIES
    | {"asarray", "astype", "coo_matrix", "csr_matrix", "toarray", "todense", "tocoo", "tocsr", "to_dense", "to_sparse"}
)
_REPAIRS = frozenset({"setitem", "masked_fill", "nan_to_num", "clamp", "maximum"})
"""What gives nodes without edges a degree, or its inverse another value than infinity."""
_PRODUCTS = frozenset({"mul", "truediv", "matmul", "einsum", "mm", "spmm"})


def _scalings(program: Program, matrix: Sym) -> Iterator[tuple[_Degrees, Sym]]:
    """The degrees that a matrix is divided by, be it after other products, and the quotients."""
    using = consumers(program)
    pending, seen = [matrix], {matrix.id}
    for one in pending:  # grows while it is read
        for node in using.get(one.id, ()):
            if node.id in seen or not (_name(node) in _PRODUCTS or _inner(node, _SAME) is one):
                continue
            seen.add(node.id)
            pending.append(node)
            for factor in node.inputs:
                degrees = _degrees(factor)
                if degrees is not None and _divides(node, factor, degrees):
                    yield degrees, node


def _divides(node: Sym, factor: Value, degrees: _Degrees) -> bool:
    divisor = node.op == "truediv" and factor is node.attrs.get("other")
    # A matrix times a vector is no matrix with other rows.
    return (degrees.power < 0) is not divisor and (degrees.diagonal or node.op != "matmul")


def _degrees(value: Value) -> _Degrees | None:
    """The row sums that a value is a power of."""
    match value:
        case Sym(op="sum", attrs={"input": Sym() as matrix, "dim": int()}):
            return _Degrees(value, _bare(matrix))
        case Sym(op="pow", attrs={"input": base, "exponent": int() | float() as power}):
            return _raised(base, power)
        case Sym(op="truediv", inputs=(int() | float(), base)):
            return _raised(base, -1)
        case Sym(op="add", inputs=(base, int() | float() as guard)) if guard <= _GUARD:
            return _degrees(base)
        case Sym(op="where", attrs={"input": one, "other": other}):
            return _degrees(one) or _degrees(other)
        case Sym(inputs=(base, *_)) if _name(value) in _DIAGONALS:
            found = _degrees(base)
            return None if found is None else replace(found, diagonal=True)
        case Sym(inputs=(base, *_)) if (known := _POWERS.get(_name(value))) is not None:
            return _raised(base, known)
        case Sym(inputs=(base, int() | float() as power)) if _name(value) in _RAISES:
            return _raised(base, power)
        case Sym():
            return _degrees(_inner(value, _SAME | _REPAIRS))
        case _:
            return None


def _raised(base: Value, power: float) -> _Degrees | None:
    found = _degrees(base)
    return None if found is None else replace(found, power=found.power * power)


def _without_loops(value: Sym) -> Value:
    """What a matrix was before ones were added to, or written into, its diagonal; None where neither was done."""
    match value:
        case Sym(op="add", inputs=(one, other)):
            return _bare(one) if _is_identity(other) else _bare(other) if _is_identity(one) else None
        case Sym(op="call", inputs=(matrix, int() | float() as number), attrs={"method": "fill_diagonal_"}) if number:
            return _bare(matrix)
        case Sym(op="setitem", inputs=(matrix, int() | float() as number), attrs={"index": (Sym() as row, column)}) if (
            number
        ):
            return _bare(matrix) if row is column else None
        case _:
            return None


def _is_in_place(looped: Sym) -> bool:
    """Whether the self-loops were put into the matrix itself, and not into a copy."""
    match looped.site.node if looped.site is not None else None:
        case ast.BinOp():
            return False
        case ast.Call(func=ast.Attribute(attr=method)) if not method.endswith("_"):
            return False
    matrix = looped.inputs[0]
    while isinstance(matrix, Sym) and _name(matrix) not in _COPIES:
        matrix = _inner(matrix, _SAME)
    return matrix is None


def _is_identity(value: Value) -> bool:
    match bare := _bare(value):
        case Sym(op="diag" | "diag_embed", inputs=(Sym(op="ones"), *_)):
            return True
        case _:
            return isinstance(bare, Sym) and _name(bare) == "eye"


def _bare(value: Value) -> Value:
    """The matrix that was copied, converted or given further axes."""
    while (inner := _inner(value, _SAME)) is not None:
        value = inner
    return value


def _inner(value: Value, operations: AbstractSet[str]) -> Value:
    """The tensor that one of some operations was given, or that indexing only added axes to."""
    known = isinstance(value, Sym) and (_name(value) in operations or adds_axes(value))
    return source(value) if known else None


def _name(value: Sym) -> str:
    """The operation, or the last part of the name of a function or method that is not known."""
    called = value.attrs.get("method") or value.attrs.get("callee") if value.op == "call" else value.op
    return called.name.rpartition(".")[2] if isinstance(called, External) else str(called)
