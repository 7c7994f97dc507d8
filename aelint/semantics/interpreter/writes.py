"""What writing into a tensor does to all that shares its memory.

After `image[i] = row` the tensor is another node of the graph, and every name that held the old one holds the new one: other
names of the same scope, and the caller's after `fill(image)`. A tensor whose rows were written to, `for row in image: row[0] = 1`,
keeps its node; all that was said of its values has to hold for the new ones, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.interpreter.machine import Frame

__all__ = ["hand_back", "replace", "write"]

_VIEWS = frozenset(
    {
        "element", "getitem", "item", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "t", "mT",
        "narrow", "select", "diagonal", "expand", "detach", "data", "real", "chunk", "split", "unbind", "tensor_split",
    }
)  # fmt: skip

_MADE = frozenset(
    {"zeros", "ones", "full", "empty", "eye", "arange", "linspace", "rand", "randn", "randint", "uniform"}
)
"""Tensors whose operation tells all of their values: not any more once something is written into them."""


def write(frame: Frame, target: Sym, values: Interval) -> None:
    """Note that `values` are written into (a part of) a tensor: all that it is a view of may hold them."""
    later = any(loop.round for loop in frame.machine.context.loops)
    base = _base(target)
    while base is not None:
        base.range = base.range.widened(values) if later else base.range.hull(values)
        if base.op in _MADE:
            base.op = "written"
        base = _base(base)


def replace(frame: Frame, old: Sym, new: Sym) -> None:
    """Let every name in sight that holds a tensor hold what it is after something was written into it."""
    frame.machine.written.add(new.id)
    _rename(frame, old, new)


def hand_back(frame: Frame, given: Mapping[str, Value], after: Mapping[str, Value]) -> None:
    """Let the caller's names hold what a function wrote into the tensors that it was given."""
    for name, old in given.items():
        new = after.get(name)
        if isinstance(old, Sym) and isinstance(new, Sym) and new is not old and _was_written(frame, new, old):
            _rename(frame, old, new)


def _base(view: Sym) -> Sym | None:
    inner = view.inputs[0] if view.op in _VIEWS and view.inputs else None
    return inner if isinstance(inner, Sym) else None


def _rename(frame: Frame, old: Sym, new: Sym) -> None:
    for name in [n for n, held in frame.scope.names.items() if held is old]:
        frame.bind(name, new)


def _was_written(frame: Frame, new: Sym, old: Sym) -> bool:
    """Whether writes alone, on one branch or on all, lead from the one to the other: `x = x + 1` is another tensor."""
    pending: list[Value] = [new]
    for one in pending:  # grows while it is read
        if one is old:
            continue
        if not isinstance(one, Sym) or not (one.op == "phi" or one.id in frame.machine.written):
            return False
        branches = alternatives(one) if one.op == "phi" else one.inputs[:1]
        pending += (b for b in branches if all(b is not p for p in pending))
    return True
