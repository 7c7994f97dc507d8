"""Rows that `repeat` lays out copy after copy, and that a view then reads as if each row's copies stood side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape, Sym, Value
from aelint.semantics.operators.api import to_dim

__all__ = ["TiledRows", "tiled_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class TiledRows:
    """The view, its shape, where the rows were repeated, how many there are, and how often."""

    site: Site
    shape: Shape
    repeated: Sym
    rows: Dim
    copies: Dim


def tiled_rows(program: Program) -> Iterator[TiledRows]:
    """`z.repeat(1, n, 1).view(len(z), n, -1)`: after `repeat` all rows come once, then all once more."""
    for node in nodes_of(program, "view", "reshape"):
        tiled = _tiled(through(node.attrs.get("input"), frozenset({"contiguous"})))
        if tiled is None or node.site is None or node.shape is None:
            continue
        repeated, rows, copies = tiled
        sizes = [size for size in node.shape if size != 1]
        exchanged = len(sizes) > 1 and dims.equal(sizes[0], rows) and dims.equal(sizes[1], copies)
        if exchanged and not dims.equal(rows, copies):
            yield TiledRows(node.site, node.shape, repeated, rows, copies)


def _tiled(value: Value) -> tuple[Sym, Dim, Dim] | None:
    """A tensor whose first axis of more than one row was repeated, the number of its rows, and of their copies."""
    match value:
        case Sym(
            op="repeat", attrs={"input": Sym(shape=(rows, *others)), "repeats": (tuple(repeats),) | tuple(repeats)}
        ):
            copies = [to_dim(one) for one in repeats]
            place = len(copies) - len(others) - 1
            times = copies[place] if place >= 0 else None
            alone = all(one == 1 for one in (*copies[:place], *copies[place + 1 :]))
            return (value, rows, times) if alone and rows != 1 and times is not None and times != 1 else None
        case _:
            return None
