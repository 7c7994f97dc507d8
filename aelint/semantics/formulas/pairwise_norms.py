"""Which axis of a matrix of inner products the squared norms are added along: |x|² belongs to its rows, |y|² to its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source, through, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["MisplacedNorm", "misplaced_norms"]

_SUMS = frozenset({"add", "sub", "addmm"})
_SAME_VECTORS = RESHAPES | {"detach"}


@dataclass(frozen=True, slots=True, eq=False)
class MisplacedNorm:
    """Squared norms of the vectors of one axis of `product` that broadcasting adds along the other axis."""

    norm: Sym
    product: Sym
    of_rows: bool


def misplaced_norms(program: Program) -> Iterator[MisplacedNorm]:
    """Norms in sums of `|x|^2`, `|y|^2` and `x @ y.t()` over all pairs that stand at the wrong axis.

    It runs where both hold the same number of vectors, and gives distances between vectors that do not belong together.
    """
    users = consumers(program)
    for node in nodes_of(program, *_SUMS):
        if not any(u.op in _SUMS for u in users.get(node.id, ())):
            parts = list(_addends(node))
            norms = [(part, vectors) for part in parts if (vectors := _normed(part)) is not None]
            products = [(part, sides) for part in parts if (sides := _sides(part)) is not None]
            if len(norms) == 2 and len(products) == 1 and _rank(products[0][0]) == 2:
                yield from _misplaced(norms, *products[0])


def _misplaced(norms: list[tuple[Sym, Value]], product: Sym, sides: tuple[Value, Value]) -> Iterator[MisplacedNorm]:
    rows, columns = sides
    if rows is columns or {id(vectors) for _, vectors in norms} != {id(rows), id(columns)}:
        return
    for norm, vectors in norms:
        if vectors is rows and _rank(norm) == 1:
            yield MisplacedNorm(norm, product, of_rows=True)
        elif vectors is columns and _rank(norm) == 2 and norm.shape is not None and norm.shape[1] == 1 != norm.shape[0]:
            yield MisplacedNorm(norm, product, of_rows=False)


def _addends(value: Value) -> Iterator[Sym]:
    """The terms of a sum, without the numbers that they are multiplied with; of `addmm` the product stands for itself."""
    match value:
        case Sym(op="add" | "sub", inputs=(left, right)):
            yield from _addends(left)
            yield from _addends(right)
        case Sym(op="addmm", attrs={"input": added}):
            yield from _addends(added)
            yield value
        case Sym(op="neg" | "mul" | "truediv") if (inner := _unscaled(value)) is not value:
            yield from _addends(inner)
        case Sym():
            yield value
        case _:
            pass


def _unscaled(value: Value) -> Value:
    """The tensor behind a sign and behind numbers that it is multiplied with."""
    match value:
        case Sym(op="neg", inputs=(inner,)):
            return _unscaled(inner)
        case Sym(op="mul" | "truediv", inputs=(inner, number)) if to_number(number) is not None:
            return _unscaled(inner)
        case Sym(op="mul", inputs=(number, inner)) if to_number(number) is not None:
            return _unscaled(inner)
        case Sym(op="mul" | "div", attrs={"input": inner, "other": number}) if to_number(number) is not None:
            return _unscaled(inner)
        case _:
            return value


def _normed(part: Sym) -> Value:
    """The vectors, one in each row, of which a part holds the squared norms; None for anything else."""
    summed = through_reshapes(part)
    squares = source(summed) if isinstance(summed, Sym) and summed.op == "sum" else None
    if not isinstance(summed, Sym) or summed.attrs.get("dim") not in (1, -1, (1,), (-1,), [1], [-1]):
        return None
    match squares:
        case Sym(op="square") | Sym(op="pow", attrs={"exponent": 2 | 2.0}):
            return _vectors(source(squares))
        case Sym(op="mul", inputs=(first, second)) if first is second:
            return _vectors(first)
        case _:
            return None


def _sides(part: Sym) -> tuple[Value, Value] | None:
    """The two tensors of which a part holds the inner products, with those of its rows first."""
    match part:
        case Sym(op="matmul", inputs=(left, right)) | Sym(op="addmm", attrs={"mat1": left, "mat2": right}):
            return _vectors(_unscaled(left)), _vectors(_unscaled(right))
        case _:
            return None


def _vectors(value: Value) -> Value:
    return through(value, _SAME_VECTORS)


def _rank(value: Sym) -> int | None:
    return None if value.shape is None else len(value.shape)
