"""Tables that are read by the number of the batch, beside batches that come in another order in every epoch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import training_loaders
from aelint.semantics.dataflow.lineage import ancestors_of_any
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.syntax.names import uses
from aelint.syntax.rounds import round_counter
from aelint.syntax.walk import every

__all__ = ["CountedBatch", "counted_batches"]

_NOISE = frozenset({"rand", "randn", "normal", "uniform", "random"})


@dataclass(frozen=True, slots=True, eq=False)
class CountedBatch:
    """A part of a table that is chosen by the counter of a loop over a loader that shuffles."""

    site: Site
    table: str
    loader: Site
    rows: bool
    """Whether it is a stretch of rows, one for each sample; else one mark for the whole batch."""


def counted_batches(program: Program) -> Iterator[CountedBatch]:
    """Stretches of rows, and marks that are true or false, that a training loop takes by the number of its batch."""
    for loader, call, loop in training_loaders(program):
        made, counter, unit = loader.site, round_counter(loop.node), call.site.unit
        if made is None or not counter or loader_argument(loader, "shuffle") is not True:
            continue
        filled = _written(loop.node)
        for read in every(ast.Subscript, loop.node):
            table = read.value
            if not isinstance(table, ast.Name) or table.id in filled:
                continue
            rows = _is_stretch(read.slice, counter) and not _is_noise(program, table.id)
            marks = isinstance(read.slice, ast.Name) and read.slice.id == counter and _holds_marks(program, table.id)
            if marks or rows:
                yield CountedBatch(Site(unit, read), table.id, made, rows)


def _written(loop: ast.AST) -> frozenset[str]:
    """Names that the loop gives a value, or whose items it sets: what it makes itself may go with its batches."""
    bound = {n.id for n in every(ast.Name, loop) if not isinstance(n.ctx, ast.Load)}
    items = (n.value for n in every(ast.Subscript, loop) if not isinstance(n.ctx, ast.Load))
    grown = (n.func.value for n in every(ast.Call, loop) if isinstance(n.func, ast.Attribute))
    return frozenset(bound.union(n.id for n in (*items, *grown) if isinstance(n, ast.Name)))


def _is_stretch(index: ast.expr, counter: str) -> bool:
    """`i * size : (i + 1) * size`."""
    first = index.elts[0] if isinstance(index, ast.Tuple) and index.elts else index
    match first:
        case ast.Slice(lower=ast.BinOp(op=ast.Mult()) as lower, upper=ast.expr() as upper):
            return bool(uses(lower, counter) and uses(upper, counter))
        case _:
            return False


def _holds_marks(program: Program, name: str) -> bool:
    values = [b.value for b in program.bindings_of(name)]
    return bool(values) and all(isinstance(v, Sym) and v.kind == "bool" for v in values)


def _is_noise(program: Program, name: str) -> bool:
    """Whether the table is continuous noise: then no row of it belongs to a sample."""
    return any(one.op in _NOISE for one in ancestors_of_any(b.value for b in program.bindings_of(name)))
