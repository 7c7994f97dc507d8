"""Activations and dropout, functional and modular: the shape stays, the range is what they are about."""

from __future__ import annotations

import math
from collections.abc import Callable

from aelint.semantics.domain import dims
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.operators.api import Apply, Facts, Transfer
from aelint.semantics.operators.axes import axis_of
from aelint.semantics.operators.ranges import (
    NONNEGATIVE,
    NONPOSITIVE,
    SIGNED_UNIT,
    UNIT,
    hull,
    increasing,
    sane,
    softplus,
)
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []

Image = Callable[[Apply, Interval], Interval]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _monotone(function: Callable[[float], float]) -> Image:
    return lambda _, interval: increasing(function, interval)


def _clipped(low: float, high: float) -> Image:
    return lambda _, interval: sane(min(max(interval.low, low), high), max(min(interval.high, high), low))


def _bump(function: Callable[[float], float], bottom: float, lowest: float) -> Image:
    """Functions that fall to `lowest` at `bottom` and grow from there, below zero on the left (GELU, SiLU, Mish)."""

    def image(_: Apply, x: Interval) -> Interval:
        low = lowest if x.low <= bottom <= x.high else min(_value(function, x.low), _value(function, x.high))
        left, right = _value(function, x.low), _value(function, x.high)
        return sane(low, max(left, right))

    return image


def _value(function: Callable[[float], float], x: float) -> float:
    if x == -math.inf:
        return 0.0
    return math.inf if x == math.inf else function(x)


def _gelu(x: float) -> float:
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _mish(x: float) -> float:
    return x * math.tanh(softplus(x))


def _leaky(apply: Apply, x: Interval) -> Interval:
    slope = apply.number("negative_slope")
    if slope is None:
        return sane(-math.inf if x.low < 0 else x.low, math.inf if x.low < 0 else x.high)
    pieces = [x.meet(NONNEGATIVE)] if x.high >= 0 else []
    if x.low < 0:
        pieces.append(x.meet(NONPOSITIVE) * Interval(slope, slope))
    return hull(pieces)


def _elu(apply: Apply, x: Interval) -> Interval:
    alpha = apply.number("alpha")
    if alpha is None or alpha < 0:
        return x if x.low >= 0 else ANY
    return increasing(lambda v: v if v > 0 else alpha * math.expm1(v), x)


def _selu(_: Apply, x: Interval) -> Interval:
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return increasing(lambda v: scale * (v if v > 0 else alpha * math.expm1(v)), x)


def _softplus(apply: Apply, x: Interval) -> Interval:
    beta = apply.number("beta")
    if beta is None or beta <= 0:
        return ANY
    return increasing(lambda v: 0.0 if v == -math.inf else v if v == math.inf else softplus(v, beta), x)


def _hardtanh(apply: Apply, x: Interval) -> Interval:
    low, high = apply.number("min_val"), apply.number("max_val")
    if low is None or high is None or low > high:
        return ANY
    if apply.tensor().kind != "float":
        # The limits are cast to the tensor's own type.
        low, high = math.floor(low), math.ceil(high)
    return _clipped(low, high)(apply, x)


def _threshold(apply: Apply, x: Interval) -> Interval:
    value = apply.number("value")
    return ANY if value is None else x.hull(Interval(value, value))


def _rectifier(_: Apply, x: Interval) -> Interval:
    return x if x.low >= 0 else ANY


def _shrink(_: Apply, x: Interval) -> Interval:
    return x.hull(Interval(0, 0))


def _dropout(apply: Apply, x: Interval) -> Interval:
    """In training what survives is divided by 1 - p; in evaluation nothing changes."""
    p = apply.number("p")
    if p is None or not 0 <= p < 1:
        kept = Interval(-math.inf if x.low < 0 else 0, math.inf if x.high > 0 else 0)
    else:
        kept = x * Interval(1 / (1 - p), 1 / (1 - p))
    if p == 0 or apply["training"] is False:
        return x
    return hull([x, kept, Interval(0, 0)])


def _alpha_dropout(apply: Apply, x: Interval) -> Interval:
    return x if apply["training"] is False else ANY


def _constant(interval: Interval) -> Image:
    return lambda _, __: interval


def _pointwise(image: Image, *, floats: bool = False) -> Transfer:
    def transfer(apply: Apply) -> Facts:
        x = apply.tensor()
        # Some keep integers, some refuse them.
        kind = "float" if x.kind == "float" or (floats and x.kind is not None) else None
        return Facts(x.shape, x.last, image(apply, x.range), kind)

    return transfer


# name, image, constructor parameters, class, parameters of the function, functions, methods
_ACTIVATIONS: list[tuple[str, Image, str, str, str, str, str]] = [
    ("relu", _clipped(0, math.inf), "inplace=False", "ReLU", "inplace=False", "relu relu_ nn.functional.relu nn.functional.relu_", "relu"),
    ("relu6", _clipped(0, 6), "inplace=False", "ReLU6", "inplace=False", "nn.functional.relu6", ""),
    ("sigmoid", _monotone(_sigmoid), "", "Sigmoid", "", "sigmoid nn.functional.sigmoid special.expit", "sigmoid"),
    ("tanh", _monotone(math.tanh), "", "Tanh", "", "tanh nn.functional.tanh", "tanh"),
    ("leaky_relu", _leaky, "negative_slope=0.01, inplace=False", "LeakyReLU", "negative_slope=0.01, inplace=False", "nn.functional.leaky_relu nn.functional.leaky_relu_", ""),
    ("elu", _elu, "alpha=1.0, inplace=False", "ELU", "alpha=1.0, inplace=False", "nn.functional.elu nn.functional.elu_", ""),
    ("celu", _elu, "alpha=1.0, inplace=False", "CELU", "alpha=1.0, inplace=False", "celu nn.functional.celu", ""),
    ("selu", _selu, "inplace=False", "SELU", "inplace=False", "selu nn.functional.selu", ""),
    ("gelu", _bump(_gelu, -0.7518, -0.1701), "approximate='none'", "GELU", "approximate='none'", "nn.functional.gelu", ""),
    ("silu", _bump(lambda x: x * _sigmoid(x), -1.2785, -0.2785), "inplace=False", "SiLU", "inplace=False", "nn.functional.silu", ""),
    ("mish", _bump(_mish, -1.1925, -0.3089), "inplace=False", "Mish", "inplace=False", "nn.functional.mish", ""),
    ("softplus", _softplus, "beta=1.0, threshold=20.0", "Softplus", "beta=1.0, threshold=20.0", "nn.functional.softplus", ""),
    ("hardtanh", _hardtanh, "min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None", "Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False", "nn.functional.hardtanh nn.functional.hardtanh_", ""),
    ("hardsigmoid", _monotone(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)), "inplace=False", "Hardsigmoid", "inplace=False", "nn.functional.hardsigmoid", ""),
    ("hardswish", _bump(lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0), -1.5, -0.375), "inplace=False", "Hardswish", "inplace=False", "nn.functional.hardswish", ""),
    ("softsign", _monotone(lambda x: math.copysign(1.0, x) if math.isinf(x) else x / (1 + abs(x))), "", "Softsign", "", "nn.functional.softsign", ""),
    ("tanhshrink", _monotone(lambda x: x - math.tanh(x)), "", "Tanhshrink", "", "nn.functional.tanhshrink", ""),
    ("softshrink", _shrink, "lambd=0.5", "Softshrink", "lambd=0.5", "nn.functional.softshrink", ""),
    ("hardshrink", _shrink, "lambd=0.5", "Hardshrink", "lambd=0.5", "hardshrink nn.functional.hardshrink", "hardshrink"),
    ("threshold", _threshold, "threshold, value, inplace=False", "Threshold", "threshold, value, inplace=False", "threshold nn.functional.threshold", ""),
    ("logsigmoid", _monotone(lambda x: -softplus(-x) if math.isfinite(x) else min(x, 0.0)), "", "LogSigmoid", "", "nn.functional.logsigmoid", ""),
    ("rrelu", _rectifier, "lower=0.125, upper=0.3333333333333333, inplace=False", "RReLU", "lower=0.125, upper=0.3333333333333333, training=False, inplace=False", "rrelu nn.functional.rrelu", ""),
    ("prelu", _rectifier, "num_parameters=1, init=0.25, device=None, dtype=None", "PReLU", "weight", "prelu nn.functional.prelu", "prelu"),
    ("dropout", _dropout, "p=0.5, inplace=False", "Dropout", "p=0.5, training=True, inplace=False", "dropout nn.functional.dropout", ""),
    ("alpha_dropout", _alpha_dropout, "p=0.5, inplace=False", "AlphaDropout", "p=0.5, training=False, inplace=False", "alpha_dropout nn.functional.alpha_dropout", ""),
    ("feature_alpha_dropout", _alpha_dropout, "p=0.5, inplace=False", "FeatureAlphaDropout", "p=0.5, training=False, inplace=False", "feature_alpha_dropout nn.functional.feature_alpha_dropout", ""),
    ("dropout1d", _dropout, "p=0.5, inplace=False", "Dropout1d", "p=0.5, training=True, inplace=False", "nn.functional.dropout1d", ""),
    ("dropout2d", _dropout, "p=0.5, inplace=False", "Dropout2d", "p=0.5, training=True, inplace=False", "nn.functional.dropout2d", ""),
    ("dropout3d", _dropout, "p=0.5, inplace=False", "Dropout3d", "p=0.5, training=True, inplace=False", "nn.functional.dropout3d", ""),
]  # fmt: skip

for _name, _image, _init, _class, _params, _functions, _methods in _ACTIVATIONS:
    _transfer = _pointwise(_image, floats=_name in {"sigmoid", "tanh"})
    REGISTRY.layer(_class, _init, name=_name, stateful=_name == "prelu")(_transfer)
    REGISTRY.operation(_name, ", ".join(filter(None, ("input", _params))), functions=_functions, methods=_methods)(
        _transfer
    )


def _along_axis(interval: Interval) -> Transfer:
    def transfer(apply: Apply) -> Facts:
        x = apply.tensor()
        if x.shape is not None:
            axis_of(apply, apply["dim"], len(x.shape), x.shape)
        return Facts(x.shape, x.last, interval)

    return transfer


for _name, _class, _interval in (
    ("softmax", "Softmax", UNIT),
    ("log_softmax", "LogSoftmax", NONPOSITIVE),
    ("softmin", "Softmin", UNIT),
):
    _transfer = _along_axis(_interval)
    REGISTRY.layer(_class, "dim=None", name=_name)(_transfer)
    REGISTRY.operation(
        _name,
        "input, dim=None, _stacklevel=3, dtype=None",
        functions=f"nn.functional.{_name}" + ("" if _name == "softmin" else f" special.{_name} {_name}"),
        methods="" if _name == "softmin" else _name,
    )(_transfer)


@REGISTRY.operation(
    "gumbel_softmax", "logits, tau=1, hard=False, eps=1e-10, dim=-1", functions="nn.functional.gumbel_softmax"
)
def _gumbel_softmax(apply: Apply) -> Facts:
    x = apply.tensor("logits")
    if x.shape is not None:
        axis_of(apply, apply["dim"], len(x.shape), x.shape)
    return Facts(x.shape, x.last, UNIT)


@REGISTRY.layer("Softmax2d", "", name="softmax")
def _softmax2d(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is not None and len(x.shape) not in {3, 4}:
        apply.conflict("rank", expected=(3, 4), shape=x.shape)
    return Facts(x.shape, x.last, UNIT)


@REGISTRY.layer("GLU", "dim=-1", name="glu")
@REGISTRY.operation("glu", "input, dim=-1", functions="nn.functional.glu")
def _glu(apply: Apply) -> Facts:
    x = apply.tensor()
    size = x.range.hull(Interval(0, 0))
    if x.shape is None:
        return Facts(range=size)
    axis = axis_of(apply, apply["dim"], len(x.shape), x.shape, scalar=False)
    if axis is None:
        return Facts(range=size)
    if isinstance(x.shape[axis], int) and dims.divide(x.shape[axis], 2) is None:
        apply.conflict("channels", expected="an even number", actual=x.shape[axis], shape=x.shape, axis=axis)
    return Facts((*x.shape[:axis], dims.floor_divide(x.shape[axis], 2), *x.shape[axis + 1 :]), range=size)


@REGISTRY.operation("normalize", "input, p=2.0, dim=1, eps=1e-12, out=None", functions="nn.functional.normalize")
def _normalize(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is not None:
        axis_of(apply, apply["dim"], len(x.shape), x.shape)
    p = apply.number("p")
    return Facts(x.shape, x.last, SIGNED_UNIT.meet(_signs(x.range)) if p is not None and p >= 1 else ANY)


def _signs(x: Interval) -> Interval:
    return Interval(0 if x.low >= 0 else -math.inf, 0 if x.high <= 0 else math.inf)
