"""Straight-through choices of which only the chosen entry is taken: the value is right, the gradient knows one code alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import adds_axes, origins, source, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.formulas.linear_forms import linear

__all__ = ["ChosenEntry", "chosen_entries"]

_LOOKUPS = frozenset({"embedding", "getitem", "index_select"})
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ChosenEntry:
    """The entry `taken` of a straight-through choice, and the vectors that were looked up for the same index and multiplied with it."""

    taken: Sym
    vectors: Sym


def chosen_entries(program: Program) -> Iterator[ChosenEntry]:
    """Look-ups at an index that are multiplied with a straight-through one-hot code's entry at the same index, which is 1."""
    for node in nodes_of(program, "mul"):
        for factor, other in (node.inputs, node.inputs[::-1]) if len(node.inputs) == 2 else ():
            taken, vectors = through_reshapes(factor), through_reshapes(other)
            if not isinstance(taken, Sym) or not isinstance(vectors, Sym) or vectors.op not in _LOOKUPS:
                continue
            index = _index(taken) if taken.op == "gather" else None
            if index is not None and _index(vectors) is index and _is_straight_through_at(source(taken), index):
                yield ChosenEntry(taken, vectors)


def _index(node: Sym) -> Value:
    """The index of a look-up, before reshapes."""
    given = source(node) if node.op == "embedding" else node.attrs.get("index")
    inner = through_reshapes(given)
    return through_reshapes(source(inner)) if isinstance(inner, Sym) and adds_axes(inner) else inner


def _is_straight_through_at(code: Value, index: Value) -> bool:
    """Whether it is a one-hot code of the index, on some path with the gradient of what adds nothing to its value."""
    for one in origins(code):
        form = linear(one) if isinstance(one, Sym) else None
        parts = list((form or {}).values())
        hot = [
            p
            for p in parts
            if p.tensor is not None and p.tensor.op == "one_hot" and through_reshapes(source(p.tensor)) is index
        ]
        soft = [p for p in parts if abs(p.value) < _NOTHING < p.gradient]
        if hot and soft and len(hot) + len(soft) == len(parts):
            return True
    return False
