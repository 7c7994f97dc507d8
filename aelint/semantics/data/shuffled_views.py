"""Tensors that Python's own shuffle runs over: it exchanges two items, and items of a tensor are views of its memory."""

from __future__ import annotations

from collections.abc import Iterator

from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.interpreter.apply import syms_in

__all__ = ["shuffled_views"]


def shuffled_views(program: Program) -> Iterator[tuple[Call, bool]]:
    """Calls of `random.shuffle` on what loses items by it, and whether that is a tensor of torch, else an array of numpy.

    `x[i], x[j] = x[j], x[i]` writes the first item before it reads the second, where the items are views: both become
    one. A number that is read from an array of one axis is a copy, and nothing is lost; of a tensor it is a view, too.
    """
    for call in program.calls_to("random.shuffle"):
        match call.args:
            case [Sym() as given]:
                library = _library(program, given)
                if (library == "torch" and given.tensor is True) or (library == "numpy" and len(given.shape or ()) > 1):
                    yield call, library == "torch"
            case _:
                pass


def _library(program: Program, value: Value) -> str:
    """Which library a tensor or array is of: that of the function that made what it was computed from; "" if unknown."""
    made = _makers(program)
    while isinstance(value, Sym) and value.op != "numpy":
        if isinstance(made.get(value.id), External):
            return made[value.id].name.partition(".")[0]
        if value.tensor is not True:
            return ""
        value = source(value)
    return "numpy" if isinstance(value, Sym) and value.op == "numpy" else ""


@per_program
def _makers(program: Program) -> dict[int, External]:
    """The function of a library that gave a node, by the node's id; of several results each."""
    calls = ((c, c.callee) for c in program.calls if isinstance(c.callee, External))
    return {result.id: callee for c, callee in calls for result in syms_in(c.result)}
