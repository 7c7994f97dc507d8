"""Arithmetic and comparison, as operators, functions and methods, and the functions of one variable."""

from __future__ import annotations

import math
from collections.abc import Callable

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import Apply, Facts, facts_of, is_float
from aelint.semantics.operators.axes import broadcast, broadcast_all
from aelint.semantics.operators.ranges import (
    BOOL,
    NONNEGATIVE,
    SIGNED_UNIT,
    absolute,
    hull,
    increasing,
    power,
    sane,
    square,
)
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["promote", "unary"]

Image = Callable[[Apply, Interval], Interval]


def promote(*values: Value) -> str | None:
    """The kind of the result of arithmetic between the values."""
    if any(is_float(v) for v in values):
        return "float"
    kinds = {
        "bool" if isinstance(v, bool) else "int" if isinstance(v, int | Poly) else facts_of(v).kind for v in values
    }
    if kinds <= {"int", "bool"}:
        return "int" if "int" in kinds else "bool"
    return None


def _binary(apply: Apply, left: Value, right: Value, bounds: Interval, kind: str | None) -> Facts:
    a, b = facts_of(left), facts_of(right)
    if a.tensor is False and b.tensor is False:
        return Facts((), (), bounds, "size", tensor=False)
    shape, last = broadcast(apply, a, b)
    tensor = True if a.tensor or b.tensor else None
    return Facts(shape, last, bounds, kind, tensor)


def _alpha(apply: Apply) -> Interval:
    if apply["alpha"] is None:
        return Interval(1, 1)
    alpha = apply.number("alpha")
    return ANY if alpha is None else Interval(alpha, alpha)


def _ends(result: Interval) -> Interval:
    return sane(result.low, result.high)


@REGISTRY.operation("add", "input, other, alpha=1", functions="add", methods="add")
def _add(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    bounds = apply.tensor().range + _ends(apply.tensor("other").range * _alpha(apply))
    return _binary(apply, left, right, _ends(bounds), promote(left, right))


@REGISTRY.operation("sub", "input, other, alpha=1", functions="sub subtract", methods="sub subtract")
def _sub(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    bounds = apply.tensor().range - _ends(apply.tensor("other").range * _alpha(apply))
    return _binary(apply, left, right, _ends(bounds), promote(left, right))


@REGISTRY.operation("sub", "input, other", functions="rsub")
def _rsub(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    return _binary(apply, left, right, _ends(apply.tensor("other").range - apply.tensor().range), promote(left, right))


@REGISTRY.operation("mul", "input, other", functions="mul multiply", methods="mul multiply")
def _mul(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    same = left is right and isinstance(left, Sym)
    bounds = square(apply.tensor().range) if same else apply.tensor().range * apply.tensor("other").range
    return _binary(apply, left, right, _ends(bounds), promote(left, right))


@REGISTRY.operation(
    "truediv", "input, other, rounding_mode=None", functions="div divide true_divide", methods="div divide true_divide"
)
def _truediv(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    bounds = _quotient(apply.tensor().range, apply.tensor("other").range)
    if apply["rounding_mode"] is not None:
        return _binary(apply, left, right, sane(bounds.low - 1, bounds.high + 1), promote(left, right))
    return _binary(apply, left, right, bounds, "float")


def _quotient(a: Interval, b: Interval) -> Interval:
    if b.low == 0 and b.high > 0:
        # Zero itself gives infinity, which is no finite value; the rest keeps the sign.
        inverse = Interval(0 if b.high == math.inf else 1 / b.high)
        return _ends(a * inverse)
    if b.low <= 0 <= b.high:
        return ANY
    return _ends(a / b)


@REGISTRY.operation("floordiv", "input, other", functions="floor_divide", methods="floor_divide")
def _floordiv(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    bounds = _quotient(apply.tensor().range, apply.tensor("other").range)
    return _binary(apply, left, right, sane(bounds.low - 1, bounds.high), promote(left, right))


@REGISTRY.operation("mod", "input, other", functions="remainder", methods="remainder")
def _mod(apply: Apply) -> Facts:
    left, right, divisor = apply["input"], apply["other"], apply.tensor("other").range
    return _binary(apply, left, right, Interval(min(divisor.low, 0), max(divisor.high, 0)), promote(left, right))


@REGISTRY.operation("fmod", "input, other", functions="fmod", methods="fmod")
def _fmod(apply: Apply) -> Facts:
    left, right, size = apply["input"], apply["other"], absolute(apply.tensor("other").range).high
    return _binary(apply, left, right, Interval(-size, size), promote(left, right))


@REGISTRY.operation("pow", "input, exponent", functions="pow float_power", methods="pow")
def _pow(apply: Apply) -> Facts:
    base, exponent = apply["input"], apply["exponent"]
    number = apply.number("exponent")
    if number is not None:
        bounds = power(apply.tensor().range, number)
    elif (value := apply.number("input")) is not None and value > 0:
        bounds = _exponential(value, apply.tensor("exponent").range)
    else:
        bounds = NONNEGATIVE if apply.tensor().range.low >= 0 else ANY
    return _binary(apply, base, exponent, bounds, promote(base, exponent))


def _exponential(base: float, exponent: Interval) -> Interval:
    ends = (
        [increasing(lambda x: base**x, exponent)] if base >= 1 else [increasing(lambda x: (1 / base) ** x, -exponent)]
    )
    return ends[0]


@REGISTRY.operation("neg", "input", functions="neg negative", methods="neg negative")
def _neg(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, -x.range, x.kind, x.tensor)


@REGISTRY.operation("pos", "input", functions="positive", methods="positive")
def _pos(apply: Apply) -> Facts:
    return apply.tensor()


@REGISTRY.operation("maximum", "input, other", functions="maximum fmax", methods="maximum fmax")
def _maximum(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    a, b = apply.tensor().range, apply.tensor("other").range
    return _binary(apply, left, right, Interval(max(a.low, b.low), max(a.high, b.high)), promote(left, right))


@REGISTRY.operation("minimum", "input, other", functions="minimum fmin", methods="minimum fmin")
def _minimum(apply: Apply) -> Facts:
    left, right = apply["input"], apply["other"]
    a, b = apply.tensor().range, apply.tensor("other").range
    return _binary(apply, left, right, Interval(min(a.low, b.low), min(a.high, b.high)), promote(left, right))


def _comparison(apply: Apply) -> Facts:
    result = _binary(apply, apply["input"], apply["other"], BOOL, "bool")
    return Facts(result.shape, result.last, BOOL, "bool", result.tensor)


for _name, _functions, _methods in (
    ("lt", "lt less", "lt less"),
    ("le", "le less_equal", "le less_equal"),
    ("gt", "gt greater", "gt greater"),
    ("ge", "ge greater_equal", "ge greater_equal"),
    ("eq", "eq", "eq"),
    ("ne", "ne not_equal", "ne not_equal"),
    ("logical_and", "logical_and", "logical_and"),
    ("logical_or", "logical_or", "logical_or"),
    ("logical_xor", "logical_xor", "logical_xor"),
):
    REGISTRY.operation(_name, "input, other", functions=_functions, methods=_methods)(_comparison)


@REGISTRY.operation(
    "isclose", "input, other, rtol=1e-05, atol=1e-08, equal_nan=False", functions="isclose", methods="isclose"
)
def _isclose(apply: Apply) -> Facts:
    return _comparison(apply)


def _bitwise(apply: Apply) -> Facts:
    kind = promote(apply["input"], apply["other"])
    return _binary(apply, apply["input"], apply["other"], BOOL if kind == "bool" else ANY, kind)


for _name, _functions in (
    ("and", "bitwise_and"),
    ("or", "bitwise_or"),
    ("xor", "bitwise_xor"),
    ("lshift", "bitwise_left_shift"),
    ("rshift", "bitwise_right_shift"),
):
    REGISTRY.operation(_name, "input, other", functions=_functions, methods=_functions)(_bitwise)


def _test(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, BOOL, "bool", x.tensor)


for _name in ("isnan", "isinf", "isfinite", "logical_not", "signbit"):
    REGISTRY.operation(_name, "input", functions=_name, methods=_name)(_test)


@REGISTRY.operation("invert", "input", functions="bitwise_not", methods="bitwise_not")
def _invert(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, BOOL if x.kind == "bool" else ANY, x.kind, x.tensor)


def unary(name: str, image: Image, *, keeps_kind: bool = False, functions: str = "", params: str = "input") -> None:
    """Register a function of one variable under its own name as a function and as a method."""

    @REGISTRY.operation(name, params, functions=f"{name} {functions}", methods=name)
    def transfer(apply: Apply) -> Facts:
        x = apply.tensor()
        if x.tensor is False:
            return Facts((), (), image(apply, x.range), "size", tensor=False)
        kind = x.kind if keeps_kind or x.kind is None else "float"
        if kind == "bool":
            # Truth values are counted by some of these functions and refused by others.
            kind = None
        return Facts(x.shape, x.last, image(apply, x.range), kind)


def _increasing(function: Callable[[float], float]) -> Image:
    return lambda _, x: increasing(function, x)


def _exp(x: float) -> float:
    return math.exp(x)


def _log(function: Callable[[float], float]) -> Image:
    def image(_: Apply, x: Interval) -> Interval:
        return sane(_domain(function, x.low), math.inf if x.high == math.inf else _domain(function, x.high))

    return image


def _domain(function: Callable[[float], float], x: float) -> float:
    try:
        return function(x)
    except ValueError:
        return -math.inf


def _sqrt(_: Apply, x: Interval) -> Interval:
    return increasing(math.sqrt, Interval(max(x.low, 0), max(x.high, 0)))


def _reciprocal(_: Apply, x: Interval) -> Interval:
    return _quotient(Interval(1, 1), x)


def _rsqrt(_: Apply, x: Interval) -> Interval:
    return power(Interval(max(x.low, 0), max(x.high, 0)), -0.5)


def _steps(function: Callable[[float], float]) -> Image:
    return _increasing(lambda x: x if math.isinf(x) else float(function(x)))


def _sign(_: Apply, x: Interval) -> Interval:
    return Interval(1 if x.low > 0 else 0 if x.low == 0 else -1, -1 if x.high < 0 else 0 if x.high == 0 else 1)


def _round(apply: Apply, x: Interval) -> Interval:
    if apply["decimals"] not in (None, 0):
        return sane(x.low - 1, x.high + 1) if (apply.int("decimals") or -1) > 0 else ANY
    return _steps(round)(apply, x)


def _hyperbolic(_: Apply, x: Interval) -> Interval:
    return increasing(math.cosh, absolute(x))


def _unchanged(_: Apply, x: Interval) -> Interval:
    return x


unary("exp", _increasing(_exp))
unary("exp2", _increasing(lambda x: 2.0**x), functions="special.exp2")
unary("expm1", _increasing(math.expm1), functions="special.expm1")
unary("log", _log(math.log))
unary("log2", _log(math.log2))
unary("log10", _log(math.log10))
unary("log1p", _log(math.log1p), functions="special.log1p")
unary("sqrt", _sqrt)
unary("rsqrt", _rsqrt)
unary("square", lambda _, x: square(x), keeps_kind=True)
unary("abs", lambda _, x: absolute(x), keeps_kind=True, functions="absolute")
unary("reciprocal", _reciprocal)
unary("sin", lambda _, __: SIGNED_UNIT)
unary("cos", lambda _, __: SIGNED_UNIT)
unary("sinc", lambda _, __: SIGNED_UNIT, functions="special.sinc")
unary("tan", lambda _, __: ANY)
unary("sinh", _increasing(math.sinh))
unary("cosh", _hyperbolic)
unary("asin", lambda _, __: Interval(-1.5708, 1.5708), functions="arcsin")
unary("acos", lambda _, __: Interval(0, 3.1416), functions="arccos")
unary("atan", _increasing(math.atan), functions="arctan")
unary("atanh", lambda _, __: ANY, functions="arctanh")
unary("asinh", _increasing(math.asinh), functions="arcsinh")
unary("erf", _increasing(math.erf), functions="special.erf")
unary("erfc", lambda _, x: Interval(1, 1) - increasing(math.erf, x), functions="special.erfc")
unary("erfinv", lambda _, __: ANY, functions="special.erfinv")
unary("lgamma", lambda _, __: ANY, functions="special.gammaln")
unary("digamma", lambda _, __: ANY, functions="special.digamma special.psi")
unary("logit", lambda _, __: ANY, functions="special.logit", params="input, eps=None")
unary("floor", _steps(math.floor), keeps_kind=True)
unary("ceil", _steps(math.ceil), keeps_kind=True)
unary("trunc", _steps(math.trunc), keeps_kind=True, functions="fix")
unary("round", _round, keeps_kind=True, params="input, decimals=0")
unary("frac", lambda _, x: Interval(0 if x.low >= 0 else -1, 0 if x.high <= 0 else 1), keeps_kind=True)
unary("sign", _sign, keeps_kind=True, functions="sgn")
unary("angle", lambda _, __: Interval(-3.1416, 3.1416))
unary("real", _unchanged, keeps_kind=True)
unary("deg2rad", lambda _, x: x * Interval(math.pi / 180, math.pi / 180))


@REGISTRY.operation("clamp", "input, min=None, max=None", functions="clamp clip", methods="clamp clip")
def _clamp(apply: Apply) -> Facts:
    x = apply.tensor()
    low = apply.tensor("min").range if apply["min"] is not None else ANY
    high = apply.tensor("max").range if apply["max"] is not None else ANY
    bounds = x.range
    if apply["min"] is not None:
        bounds = Interval(max(bounds.low, low.low), max(bounds.high, low.high))
    if apply["max"] is not None:
        bounds = Interval(min(bounds.low, high.low), min(bounds.high, high.high))
    limits = [v for v in (apply["min"], apply["max"]) if v is not None]
    if x.tensor is False:
        return Facts((), (), bounds, "size", tensor=False)
    shape, last = broadcast_all(apply, apply["input"], *limits)
    return Facts(shape, last, bounds, promote(apply["input"], *limits))


@REGISTRY.operation("clamp", "input, min", functions="clamp_min", methods="clamp_min")
def _clamp_min(apply: Apply) -> Facts:
    return _clamp(apply)


@REGISTRY.operation("clamp", "input, max", functions="clamp_max", methods="clamp_max")
def _clamp_max(apply: Apply) -> Facts:
    return _clamp(apply)


@REGISTRY.operation("where", "condition, input=None, other=None", functions="where")
def _where(apply: Apply) -> Facts | None:
    if apply["input"] is None:
        return None
    bounds = apply.tensor().range.hull(apply.tensor("other").range)
    shape, last = broadcast_all(apply, apply["condition"], apply["input"], apply["other"])
    return Facts(shape, last, bounds, promote(apply["input"], apply["other"]))


@REGISTRY.operation("where", "input, condition, other", methods="where")
def _where_method(apply: Apply) -> Facts | None:
    return _where(apply)


@REGISTRY.operation("lerp", "input, end, weight", functions="lerp", methods="lerp")
def _lerp(apply: Apply) -> Facts:
    a, b, w = apply.tensor().range, apply.tensor("end").range, apply.tensor("weight").range
    bounds = a.hull(b) if w.low >= 0 and w.high <= 1 else _ends(a + _ends(w * _ends(b - a)))
    shape, last = broadcast_all(apply, apply["input"], apply["end"], apply["weight"])
    return Facts(shape, last, bounds)


@REGISTRY.operation("addcmul", "input, tensor1, tensor2, value=1", functions="addcmul", methods="addcmul")
def _addcmul(apply: Apply) -> Facts:
    step = _ends(apply.tensor("tensor1").range * apply.tensor("tensor2").range)
    return _fused(apply, step)


@REGISTRY.operation("addcdiv", "input, tensor1, tensor2, value=1", functions="addcdiv", methods="addcdiv")
def _addcdiv(apply: Apply) -> Facts:
    return _fused(apply, _quotient(apply.tensor("tensor1").range, apply.tensor("tensor2").range))


def _fused(apply: Apply, step: Interval) -> Facts:
    scaled = _ends(step * apply.tensor("value").range)
    operands = (apply["input"], apply["tensor1"], apply["tensor2"])
    shape, last = broadcast_all(apply, *operands)
    return Facts(shape, last, _ends(apply.tensor().range + scaled), promote(*operands))


@REGISTRY.operation("logaddexp", "input, other", functions="logaddexp", methods="logaddexp")
def _logaddexp(apply: Apply) -> Facts:
    a, b = apply.tensor().range, apply.tensor("other").range
    bounds = sane(max(a.low, b.low), max(a.high, b.high) + math.log(2))
    return _binary(apply, apply["input"], apply["other"], bounds, "float")


@REGISTRY.operation("xlogy", "input, other", functions="xlogy special.xlogy", methods="xlogy")
@REGISTRY.operation("atan2", "input, other", functions="atan2 arctan2", methods="atan2")
def _any_float(apply: Apply) -> Facts:
    return _binary(apply, apply["input"], apply["other"], ANY, "float")


@REGISTRY.operation(
    "nan_to_num", "input, nan=0.0, posinf=None, neginf=None", functions="nan_to_num", methods="nan_to_num"
)
def _nan_to_num(apply: Apply) -> Facts:
    x = apply.tensor()
    replaced = [apply.tensor(n).range for n in ("nan", "posinf", "neginf") if apply[n] is not None]
    return Facts(x.shape, x.last, hull([x.range, *replaced]), x.kind)
