"""The sizes of a tensor that nothing gives, as far as the layers that it goes into ask for them."""

from __future__ import annotations

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Shape, Sym
from aelint.semantics.operators.api import to_dim
from aelint.semantics.operators.axes import unknown_sizes

__all__ = ["asked_shape"]

_CHANNELS = {"conv1d": 3, "conv2d": 4, "conv3d": 5}
"""Convolutions, and the axes of a batch that they take."""
_LAST = {"linear": "in_features", "lstm": "input_size", "gru": "input_size", "rnn": "input_size"}


def asked_shape(program: Program, tensor: Sym, rank: int) -> Shape | None:
    """`rank` sizes with the one that a layer asks for; None where no layer takes the tensor, or layers disagree."""
    asked = {place for call in _taken(program).get(tensor.id, ()) if (place := _asked(call, rank)) is not None}
    if len(asked) != 1:
        return None
    ((axis, wanted),) = asked
    sizes = unknown_sizes(tensor, rank)
    return (*sizes[:axis], wanted, *sizes[axis + 1 :])


@per_program
def _taken(program: Program) -> dict[int, list[Call]]:
    """The calls of layers by the tensor that they are given."""
    found: dict[int, list[Call]] = {}
    for call in program.calls_to(*_CHANNELS, *_LAST):
        given = call.bound.get("input")
        if isinstance(given, Sym) and isinstance(call.receiver, Object):
            found.setdefault(given.id, []).append(call)
    return found


def _asked(call: Call, rank: int) -> tuple[int, Dim] | None:
    """The axis, and the number of features or channels, that a layer asks for."""
    assert isinstance(call.receiver, Object)
    if _CHANNELS.get(call.name) == rank:
        size = to_dim(call.receiver.bound.get("in_channels"))
        return None if size is None else (1, size)
    if call.name in _LAST:
        size = to_dim(call.receiver.bound.get(_LAST[call.name]))
        return None if size is None else (rank - 1, size)
    return None
