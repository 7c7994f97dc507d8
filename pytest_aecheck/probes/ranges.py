"""The interval in which a value must lie, read backwards from the calls that made it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.probes.trace import Call, Value
from pytest_aecheck.probes.vocabulary import VIEWS

__all__ = ["Interval", "interval_of", "through_views"]

_FIXED = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "softmin": (0.0, 1.0),
    "gumbel_softmax": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "sin": (-1.0, 1.0),
    "cos": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "erf": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu_": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exp": (0.0, math.inf),
    "exp_": (0.0, math.inf),
    "square": (0.0, math.inf),
    "abs": (0.0, math.inf),
    "elu": (-1.0, math.inf),
    "celu": (-1.0, math.inf),
    "selu": (-1.7581, math.inf),
    "gelu": (-0.17, math.inf),
    "silu": (-0.2785, math.inf),
    "mish": (-0.309, math.inf),
    "sigmoid_": (0.0, 1.0),
    "tanh_": (-1.0, 1.0),
    "log_softmax": (-math.inf, 0.0),
    "logsigmoid": (-math.inf, 0.0),
    "sqrt": (0.0, math.inf),
    "cross_entropy": (0.0, math.inf),
}
_MONOTONE = {"exp": math.exp, "sqrt": math.sqrt, "exp_": math.exp}
_CONVEX = frozenset(
    {
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "adaptive_avg_pool2d",
        "max",
        "min",
        "amax",
        "amin",
        "median",
    }
)
"""Functions whose results lie within the range of their input."""
_RECURRENT = frozenset({"lstm", "lstm_cell", "gru", "gru_cell", "rnn_tanh", "rnn_tanh_cell"})


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed; infinite ends mean unbounded."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def known(self) -> bool:
        """Whether at least one side is bounded."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    @property
    def bounded(self) -> bool:
        """Whether both sides are."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def affine(self, scale: float, shift: float) -> Interval:
        """The interval of `scale * value + shift`."""
        if scale == 0:
            return Interval(shift, shift)
        ends = sorted((self.low * scale + shift, self.high * scale + shift))
        return Interval(ends[0], ends[1])

    def union(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


_ANYTHING = Interval()


def through_views(value: Value, limit: int = 60, views: frozenset[str] = VIEWS) -> Value:
    """The value from which `value` was only viewed, moved, cast or cut, by functions of these names."""
    while value.producer is not None and limit and value.producer.name in views and value.producer.inputs:
        value = value.producer.inputs[0]
        limit -= 1
    return value


def interval_of(value: Value, depth: int = 40) -> Interval:
    """Where the values of a tensor can lie, whatever the weights are."""
    value = through_views(value)
    call = value.producer
    if call is None or depth == 0:
        return _ANYTHING
    name = call.name.removesuffix("_") if call.name not in _FIXED else call.name
    if name in {"clamp", "clip", "hardtanh", "clamp_min", "clamp_max"}:
        return _clamped(call, name, depth)
    if name in _RECURRENT and _is_squashed(call, value, name):
        return Interval(-1.0, 1.0)
    if name in _MONOTONE and call.inputs:
        return _mapped(_MONOTONE[name], interval_of(call.inputs[0], depth - 1), name)
    if name in _FIXED:
        return Interval(*_FIXED[name])
    if name == "dropout" and call.inputs:
        return interval_of(call.inputs[0], depth - 1).union(Interval(0.0, 0.0))
    if name in _CONVEX and call.inputs:
        return interval_of(call.inputs[0], depth - 1)
    if name in {"cat", "stack", "concat", "where"}:
        return _joined(call, depth)
    if name in {"interpolate", "upsample"}:
        mode = call.kwargs.get("mode", "nearest")
        return _ANYTHING if mode == "bicubic" else interval_of(call.inputs[0], depth - 1)
    return _arithmetic(call, name, depth)


def _is_squashed(call: Call, value: Value, name: str) -> bool:
    """Whether an output of a recurrent layer ends in tanh: all but the cell state, and what a GRU keeps of a state it was given."""
    if name.startswith("gru"):
        return not any(given.tensor.bool().any() for given in call.inputs[1:2])
    if name.startswith("lstm"):
        hidden, cell = call.outputs[-2:]
        # With `proj_size`, a linear map follows the tanh, and the hidden state is narrower than the cell's.
        return value is not cell and hidden.tensor.shape[-1] == cell.tensor.shape[-1]
    return True


def _mapped(function: Any, inner: Interval, name: str) -> Interval:
    def at(end: float) -> float:
        if name == "sqrt" and end < 0:
            return 0.0
        try:
            return float(function(end))
        except OverflowError:
            return math.inf

    return Interval(at(inner.low), at(inner.high))


def _clamped(call: Call, name: str, depth: int) -> Interval:
    inner = interval_of(call.inputs[0], depth - 1) if call.inputs else _ANYTHING
    positional = list(call.args[1:])
    low = call.kwargs.get("min", call.kwargs.get("min_val"))
    high = call.kwargs.get("max", call.kwargs.get("max_val"))
    if name == "hardtanh":
        low, high = (-1.0 if low is None else low), (1.0 if high is None else high)
    if positional and name != "clamp_max":
        low = positional[0]
    if len(positional) > 1:
        high = positional[1]
    if positional and name == "clamp_max":
        high = positional[0]
    bottom = max(inner.low, float(low)) if isinstance(low, int | float) else inner.low
    top = min(inner.high, float(high)) if isinstance(high, int | float) else inner.high
    return Interval(bottom, top)


def _joined(call: Call, depth: int) -> Interval:
    parts = [value for value in call.inputs if value.tensor.dtype != torch.bool]
    if not parts or (call.name == "where" and len(parts) < 2):
        return _ANYTHING
    whole = interval_of(parts[0], depth - 1)
    for part in parts[1:]:
        whole = whole.union(interval_of(part, depth - 1))
    return whole


def _constant(item: Any) -> float | None:
    if isinstance(item, bool):
        return None
    if isinstance(item, int | float):
        return float(item)
    if isinstance(item, torch.Tensor) and item.numel() == 1 and not item.requires_grad and item.device.type == "cpu":
        return float(item)
    return None


def _arithmetic(call: Call, name: str, depth: int) -> Interval:
    if not call.inputs:
        return _ANYTHING
    if name == "neg":
        return interval_of(call.inputs[0], depth - 1).affine(-1.0, 0.0)
    if name not in {"add", "sub", "rsub", "mul", "div"} or len(call.args) < 2:
        return _ANYTHING
    left, right = call.args[0], call.args[1]
    tensor, number, flipped = (left, _constant(right), False)
    if number is None:
        tensor, number, flipped = right, _constant(left), True
    if number is None or not isinstance(tensor, torch.Tensor):
        return _ANYTHING
    inner = interval_of(next(v for v in call.inputs if v.tensor is tensor), depth - 1)
    match name:
        case "add":
            return inner.affine(1.0, number)
        case "sub":
            return inner.affine(-1.0, number) if flipped else inner.affine(1.0, -number)
        case "rsub":
            return inner.affine(-1.0, number)
        case "mul":
            return inner.affine(number, 0.0)
        case "div" if not flipped and number:
            return inner.affine(1.0 / number, 0.0)
    return _ANYTHING
