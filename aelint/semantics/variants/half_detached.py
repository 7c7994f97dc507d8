"""Pairs of terms for a codebook and its encoder of which one detaches a side and the other forgets to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, parts
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.semantics.variants.quantizers import lookups

__all__ = ["HalfDetached", "half_detached"]

_SQUARED = frozenset({"mse_loss", "squared"})
_QUANTISED = re.compile(r"quant|codebook|code_?book|(^|_)(z_?q|e_?latent|q_?latent|vq)(_|$)", re.IGNORECASE)
_TERM = re.compile(r"loss|commit|codebook|(^|_)vq(_|$)", re.IGNORECASE)
_WEIGHED = RESHAPES | {"phi", "add", "sub", "mul", "truediv", "mean", "sum", "pow", "square", "neg"}


@dataclass(frozen=True, slots=True)
class HalfDetached:
    """A term whose gradient moves both sides, beside one that moves `moved` alone."""

    site: Site
    other: Site
    moved: str


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    held: Value
    """The tensor before it was detached and reshaped."""
    detached: bool
    names: frozenset[str]
    name: str


def half_detached(program: Program) -> Iterator[HalfDetached]:
    """Every pair of squared errors between the same two tensors, added up, of which one detaches one side and one neither."""
    terms = [(one, _side(one.first), _side(one.second)) for one in comparisons(program) if one.kind in _SQUARED]
    told: set[int] = set()
    for (whole, *sides), (half, *others) in permutations(terms, 2):
        if whole.site.node is half.site.node or id(whole.site.node) in told or any(side.detached for side in sides):
            continue
        if sum(side.detached for side in others) != 1 or not _are_same(sides, others):
            continue
        if _is_of_codebook(program, (*sides, *others)) and _are_added(program, whole, half):
            told.add(id(whole.site.node))
            moved = next(side for side in others if not side.detached)
            yield HalfDetached(whole.site, half.site, moved.name)


def _side(value: Sym) -> _Side:
    names, detached, one = {value.name, *value.names}, False, value
    while one.op in RESHAPES | {"detach", "data"} and isinstance(inner := source(one), Sym):
        detached, one = detached or one.op in {"detach", "data"}, inner
        names |= {one.name, *one.names}
    return _Side(one, detached, frozenset(names - {""}), value.name or one.name)


def _are_same(sides: list[_Side], others: list[_Side]) -> bool:
    return any(
        all(_is_one(a.held, b.held) for a, b in zip(sides, order, strict=True)) for order in (others, others[::-1])
    )


def _is_one(first: Value, second: Value) -> bool:
    """Whether both are the same tensor, or the same entry of the same result."""
    match first, second:
        case (Sym(op="item" | "getitem" | "attr" as op) as a, Sym() as b) if a is not b and b.op == op:
            return a.inputs == b.inputs and repr(a.attrs) == repr(b.attrs)
        case _:
            return first is second


def _is_of_codebook(program: Program, sides: tuple[_Side, ...]) -> bool:
    taken = {id(_side(one.node).held) for one in lookups(program)}
    return any(id(side.held) in taken or any(_QUANTISED.search(name) for name in side.names) for side in sides)


def _are_added(program: Program, first: Comparison, second: Comparison) -> bool:
    """Whether both end in one sum, or are returned as losses beside each other."""
    below = [_below(program, one.node) for one in (first, second)]
    if any(node.op == "add" for key, node in below[0].items() if key in below[1]):
        return True
    named = [
        {k for k, node in reached.items() if any(_TERM.search(n) for n in (node.name, *node.names))}
        for reached in below
    ]
    for ended in program.returns:
        returned = {part.id for part in parts(ended.value)}
        if all(returned & reached for reached in named):
            return True
    return False


def _below(program: Program, node: Sym) -> dict[int, Sym]:
    """The value and what was made of it by sums, weights and averages."""
    users, found, pending = consumers(program), {node.id: node}, [node]
    for one in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            if user.id not in found and user.op in _WEIGHED:
                found[user.id] = user
                pending.append(user)
    return found
