"""Sums of one value for each sample and a column of such values: every sample meets every other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.objective.comparisons import is_output

__all__ = ["OuterSum", "is_spread_by_hand", "outer_sums"]

_PRODUCTS = frozenset({"matmul", "cdist", "einsum", "eye", "outer", "diagonal", "diag", "tril", "triu", "eq", "ne"})
"""What makes, or belongs to, a matrix over pairs of samples."""
_SPREADING = frozenset({"unsqueeze", "expand", "repeat"})
_ELEMENTWISE = frozenset({"add", "sub", "mul", "truediv", "neg", "pow", "square", "abs", "sqrt", "exp", "log", "clamp"})


@dataclass(frozen=True, slots=True, eq=False)
class OuterSum:
    """Where values of samples, `(N,)`, and a column of them, `(N, 1)`, are added."""

    site: Site
    row: Sym
    column: Sym


def outer_sums(program: Program) -> Iterator[OuterSum]:
    """Sums and differences of an output's values for the samples with a column of them, that belong to no matrix of pairs."""
    users = consumers(program)
    for node in nodes_of(program, "add", "sub"):
        if len(node.inputs) != 2 or node.site is None:
            continue
        for row, column in (node.inputs, node.inputs[::-1]):
            if not isinstance(row, Sym) or not isinstance(column, Sym) or not _is_column_of(column, row):
                continue
            if not is_spread_by_hand(column) and is_output(node) and not _is_of_pairs(node, users):
                yield OuterSum(node.site, row, column)


def _is_column_of(column: Sym, row: Sym) -> bool:
    match row.shape, column.shape:
        case (size,), (rows, 1):
            return size == rows and size != 1
        case _:
            return False


def _is_of_pairs(node: Sym, users: dict[int, list[Sym]]) -> bool:
    """Whether a matrix over pairs of samples goes into the sum, or the sum into one."""
    if any(one.op in _PRODUCTS and one.shape == node.shape for one in ancestors(node)):
        return True
    pending, seen = [node], {node.id}
    for one in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            if user.id in seen or user.shape != node.shape:
                continue
            seen.add(user.id)
            inputs = [i for i in user.inputs if isinstance(i, Sym) and i.shape == node.shape]
            if user.op in _PRODUCTS or any(a.op in _PRODUCTS for i in inputs if i is not one for a in ancestors(i)):
                return True
            if user.op in _ELEMENTWISE:
                pending.append(user)
    return False


def is_spread_by_hand(value: Sym) -> bool:
    """Whether somebody gave a tensor its axis of one entry on purpose: `x.unsqueeze(1)`, `x[:, None]`, `keepdim=True`."""
    one: object = value
    while isinstance(one, Sym):
        if one.op in _SPREADING or one.attrs.get("keepdim") is True:
            return True
        if one.op == "getitem":
            index = one.attrs.get("index", one.inputs[-1] if len(one.inputs) > 1 else None)
            return isinstance(index, tuple) and None in index
        if one.op not in RESHAPES and one.op not in {"detach", "to"}:
            return False
        one = source(one)
    return False
