"""Distances between two sets of points, each point to the nearest of the other set, taken between rows of coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, adds_axes, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Shape, Sym, Value
from aelint.semantics.objective.comparisons import is_output

__all__ = ["SetDistance", "set_distances"]

_SMALL = frozenset({2, 3})
"""How many coordinates a point of a cloud has."""
_FEWEST = 8
"""What has so many numbers is no such point."""
_SAME_ORDER = frozenset({"pow", "square", "sqrt", "clamp", "add"}) | RESHAPES


@dataclass(frozen=True, slots=True, eq=False)
class SetDistance:
    """Where the distances are handed their sets, where they are taken, and the shape of a set as it arrives there."""

    handed: Site
    taken: Site
    shape: Shape


def set_distances(program: Program) -> Iterator[SetDistance]:
    """Distances in both directions between sets that have two or three rows, of many numbers each."""
    users = consumers(program)
    for node in nodes_of(program, "cdist", "sum", "mean", "norm"):
        sets = _compared(node)
        if node.site is None or not sets or not any(is_output(one) for one in sets):
            continue
        known = [one.shape for one in sets if one.shape is not None]
        if known and all(_lies_on_its_side(shape) for shape in known) and len(_nearest(node, users)) > 1:
            yield SetDistance(_handed(program, node) or node.site, node.site, known[0])


def _compared(node: Sym) -> list[Sym]:
    """The two sets whose points a matrix of distances stands for; none for anything else."""
    match node:
        case Sym(op="cdist", attrs={"x1": Sym() as first, "x2": Sym() as second}):
            return [first, second]
        case Sym(op="sum" | "mean" | "norm", attrs={"input": Sym() as summed, "dim": -1 | 3}):
            pass
        case _:
            return []
    match through(summed, frozenset({"pow", "square", "abs"})):
        case Sym(op="sub", inputs=(Sym() as left, Sym() as right)) if _is_spread(left) and _is_spread(right):
            return [one for one in (_set(left), _set(right)) if isinstance(one, Sym)]
        case _:
            return []


def _is_spread(value: Sym) -> bool:
    return value.op == "unsqueeze" or (value.op == "getitem" and adds_axes(value))


def _set(value: Sym) -> Value:
    """The set that was given one more axis, perhaps after it was spread over the points of the other."""
    return source(value)


def _lies_on_its_side(shape: Shape) -> bool:
    """Whether a batch of sets has its coordinates as rows: `(batch, 3, points)`."""
    match shape:
        case (_, int() as rows, int() as numbers):
            return rows in _SMALL and numbers >= _FEWEST
        case _:
            return False


def _nearest(node: Sym, users: dict[int, list[Sym]]) -> set[int]:
    """The axes along which the smallest distances are taken."""
    axes: set[int] = set()
    pending, seen = [node], {node.id}
    for one in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            axis = user.attrs.get("dim")
            if user.op in {"min", "amin"} and isinstance(axis, int):
                axes.add(axis % 3)
            elif user.op in _SAME_ORDER and user.id not in seen:
                seen.add(user.id)
                pending.append(user)
    return axes


def _handed(program: Program, node: Sym) -> Site | None:
    """The call of the function of the project that takes the distances of what it was given."""
    made = next((c for c in program.calls if c.result is node), None)
    running = made.context.stack[-1] if made is not None and made.context.stack else None
    return running.site if running is not None and not running.is_entry else None
