"""Which axis of a tensor counts samples, told by the recurrent layer that laid its axes out."""

from __future__ import annotations

from collections.abc import Iterable

from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.objective.contractions import axes_after
from aelint.semantics.operators.api import to_int

__all__ = ["recurrent_sample_axis"]

_RECURRENT = frozenset({"lstm", "gru", "rnn"})
_LEADING_KEPT = frozenset(
    {"linear", "relu", "tanh", "dropout", "leaky_relu", "layer_norm", "gelu", "silu", "add", "mul"}
)
_LEADING_KEPT_WHERE_EQUAL = frozenset({"view", "getitem", "to", "contiguous"})
_FARTHEST = 30


def recurrent_sample_axis(value: Value, steps: int = _FARTHEST) -> int | None:
    """The axis of the samples behind a recurrent layer, wherever it was moved to since; None where it is not known."""
    if not isinstance(value, Sym) or value.shape is None or len(value.shape) < 3 or steps == 0:
        return None
    match value:
        case Sym(op="item", attrs={"index": 0}, inputs=(outputs, *_)):
            return _layout(outputs)
        case Sym(op="transpose" | "permute", inputs=(inner, *_)):
            axis = recurrent_sample_axis(inner, steps - 1)
            order = axes_after(value, tuple(range(len(value.shape)))) if axis is not None else None
            return order.index(axis) if order is not None and axis in order else None
        case Sym(op="cat", attrs={"dim": dim}) if (to_int(dim) or 0) % len(value.shape) > 1:
            return _first_known((p for i in value.inputs for p in syms_in(i)), value, steps)
        case Sym(op=op) if op in _LEADING_KEPT or op in _LEADING_KEPT_WHERE_EQUAL:
            return _first_known(value.inputs, value, steps)
        case _:
            return None


def _first_known(inputs: Iterable[Value], value: Sym, steps: int) -> int | None:
    """What any of the inputs tells that has the same two leading axes."""
    assert value.shape is not None
    alike = [i for i in inputs if isinstance(i, Sym) and i.shape is not None and i.shape[:2] == value.shape[:2]]
    return next((axis for i in alike if (axis := recurrent_sample_axis(i, steps - 1)) is not None), None)


def _layout(outputs: Value) -> int | None:
    """Axis 1 behind a recurrent layer that puts time first, axis 0 behind one that puts samples first."""
    if not isinstance(outputs, Sym) or outputs.op not in _RECURRENT or not isinstance(outputs.layer, Object):
        return None
    match outputs.layer.bound.get("batch_first"):
        case True:
            return 0
        case False:
            return 1
        case _:
            return None
