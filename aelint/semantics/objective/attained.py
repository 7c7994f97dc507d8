"""Values that data certainly takes: an inner bound on its range, where `Sym.range` is an outer one.

Interval arithmetic calls `a * t + b * (1 - t)` on [0, 1] a value in [0, 2]. To say that data leaves a range,
the values must be reached: the graph is evaluated element by element on draws of its sources, ends included.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from aelint.semantics.data.numpy_draws import normal_draw, numpy_draw
from aelint.semantics.data.scaling import part_of_split, scaled_range
from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.dataflow.writes import history
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import External, ListValue, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.operators.api import to_number

__all__ = ["CARRIERS", "attained_range", "is_divided_by_255"]

DRAWS = 160
DEEPEST = 60
Values = dict[int, float | None]


def attained_range(value: Value) -> Interval | None:
    """The smallest and largest value that the tensor is seen to take; None where a source is not in sight."""
    draw = random.Random(0)  # noqa: S311  # the same answer on every run
    reached: list[float] = []
    for _ in range(DRAWS):
        one = _evaluate(value, {}, draw, 0)
        if one is None or not math.isfinite(one):
            return None
        reached.append(one)
    return Interval(min(reached), max(reached))


def _evaluate(value: Value, known: Values, draw: random.Random, depth: int) -> float | None:
    number = to_number(value)
    if number is not None or not isinstance(value, Sym) or depth > DEEPEST:
        return number
    if value.id not in known:
        known[value.id] = None
        known[value.id] = _compute(value, known, draw, depth)
    return known[value.id]


def _compute(value: Sym, known: Values, draw: random.Random, depth: int) -> float | None:
    scaled = scaled_range(value)
    if scaled is not None:
        return draw.choice([scaled.low, scaled.high, draw.uniform(scaled.low, scaled.high)])
    source = _SOURCES.get(value.op)
    if source is not None:
        return source(value, draw)
    if value.op in CARRIERS:
        carried = _carried(value, draw)
        return _within(value, draw) if isinstance(carried, ListValue) else _evaluate(carried, known, draw, depth + 1)
    if value.op == "interpolate":
        return _evaluate(value.attrs.get("input"), known, draw, depth + 1) if _enlarges(value) else None
    if value.op == "item":
        one = part_of_split(value) if "index" in value.attrs else value.attrs.get("input")
        return _evaluate(one, known, draw, depth + 1) if one is not None else None
    if value.op == "phi":
        return _evaluate(draw.choice(alternatives(value)), known, draw, depth + 1)
    operation = _OPERATIONS.get(value.op)
    if operation is not None:
        operands = [_evaluate(v, known, draw, depth + 1) for v in _operands(value)]
        if len(operands) not in operation or None in operands:
            return _pixels(value, draw) if value.op in {"truediv", "mul"} else None
        return _safe(operation[len(operands)], [o for o in operands if o is not None])
    if value.op in _SCALED:
        return _between(value, known, draw, depth)
    if value.op == "call":
        return _called(value, known, draw, depth)
    if value.op == "setitem":
        return _written(value, known, draw, depth)
    return _clamped(value, known, draw, depth) if value.op == "clamp" else None


def _safe(function: Callable[..., float], operands: list[float]) -> float | None:
    try:
        return float(function(*operands))
    except (ArithmeticError, ValueError):
        return None


def _operands(value: Sym) -> list[Value]:
    named = [value.attrs[n] for n in ("condition", "input", "other", "exponent") if n in value.attrs]
    return named if len(named) >= min(len(value.inputs), 2) else list(value.inputs)


def _enlarges(value: Sym) -> bool:
    """Whether an image is drawn larger: weights of its pixels that leave the brightest and the darkest as they are, nearly."""
    given = value.attrs.get("input")
    old = given.shape[2:] if isinstance(given, Sym) and given.shape else ()
    sizes = list(zip((value.shape or ())[2:], old, strict=False))
    grows = bool(sizes) and all(isinstance(m, int) and isinstance(n, int) and m >= n for m, n in sizes)
    return grows and value.attrs.get("mode") in {"nearest", "nearest-exact", "linear", "bilinear", "trilinear"}


def _carried(value: Sym, draw: random.Random) -> Value:
    if value.op in {"stack", "cat"}:
        tensors = [i for i in value.inputs if isinstance(i, Sym) and i.tensor is not False]
        return draw.choice(tensors) if tensors else None
    first = value.inputs[0] if value.inputs else value.attrs.get("data")
    return value.attrs.get("input", first)


def _within(value: Sym, draw: random.Random) -> float | None:
    if not value.range.bounded:
        return None
    low, high = value.range.low, value.range.high
    return draw.choice([low, high, draw.uniform(low, high)])


def _normal(_: Sym, draw: random.Random) -> float:
    return normal_draw(draw)


def _between(value: Sym, known: Values, draw: random.Random, depth: int) -> float | None:
    """Maps that only shift and scale: from the range of the argument to the range of the result."""
    argument = value.inputs[0] if value.inputs else None
    if not isinstance(argument, Sym) or not value.range.bounded or not argument.range.bounded:
        return None
    x = _evaluate(argument, known, draw, depth + 1)
    width = argument.range.high - argument.range.low
    if x is None or not width:
        return None
    return value.range.low + (x - argument.range.low) / width * (value.range.high - value.range.low)


def _called(value: Sym, known: Values, draw: random.Random, depth: int) -> float | None:
    """Draws of numpy's generators, and its casts."""
    if value.attrs.get("method") == "astype" and value.inputs:
        return _evaluate(value.inputs[0], known, draw, depth + 1)
    return numpy_draw(value, draw)


def _clamped(value: Sym, known: Values, draw: random.Random, depth: int) -> float | None:
    x = _evaluate(value.attrs.get("input"), known, draw, depth + 1)
    ends = [value.attrs.get("min"), value.attrs.get("max")]
    low, high = (to_number(end) for end in ends)
    if x is None or (low, high).count(None) != ends.count(None):
        return None
    return min(math.inf if high is None else high, max(-math.inf if low is None else low, x))


def _written(value: Sym, known: Values, draw: random.Random, depth: int) -> float | None:
    """An array that was made of one number and written into: what it was filled with, or what was written."""
    fillings, writes = history(value)
    if not _are_left(fillings, writes):
        return None  # `x[x < 0] = 0` takes values away
    before = [_evaluate(one, known, draw, depth + 1) for one in fillings]
    after = [_evaluate(one.inputs[1], known, draw, depth + 1) for one in writes]
    return None if None in before or None in after else draw.choice([draw.choice(before), draw.choice(after)])


def _are_left(fillings: list[Value], writes: list[Sym]) -> bool:
    """Whether places hold what they were filled with: of zeros, which stand for nothing, some are taken to be left.

    Anything else must be seen to be left: around patches, which end before the array does.
    """
    patched = all(_is_patch(w.attrs.get("index")) for w in writes)
    return patched or all(isinstance(one, Sym) and one.op == "zeros" for one in fillings)


def _is_patch(index: Value) -> bool:
    """Whether an index takes a stretch of some axis that begins behind its start and stops by a number."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, slice) and p.start not in {None, 0} and p.stop is not None for p in parts)


def _pixels(value: Sym, draw: random.Random) -> float | None:
    """A pixel brought to [0, 1]: where the data was read is not in sight, but nothing else is divided by this number."""
    raw = through(value.attrs.get("input"), CARRIERS) if is_divided_by_255(value) else None
    while isinstance(raw, Sym) and raw.op == "call" and raw.attrs.get("method") == "astype":
        raw = through(raw.inputs[0], CARRIERS)
    return draw.choice([0.0, draw.random(), 1.0]) if _is_raw(raw) else None


def is_divided_by_255(value: Sym) -> bool:
    """Whether bytes are brought to [0, 1]."""
    number = to_number(value.attrs.get("other"))
    match value.op:
        case "truediv":
            return number == LARGEST_BYTE
        case "mul":
            return number is not None and math.isclose(number, 1 / LARGEST_BYTE)
        case _:
            return False


LARGEST_BYTE = 255


def _is_raw(value: Value) -> bool:
    """Whether a value comes from outside as it is: given, or read by a function that is named for reading."""
    match value:
        case Sym(op="param" | "element" | "batch"):
            return True
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name.rpartition(".")[2] in _READERS
        case _:
            return False


_READERS = frozenset({"array", "asarray", "load", "imread", "open", "read_image", "decode_image", "fetch_openml"})


_SOURCES: dict[str, Callable[[Sym, random.Random], float | None]] = {
    "rand": _within,
    "randint": _within,
    "linspace": _within,
    "arange": _within,
    "picture": _within,
    "zeros": _within,
    "ones": _within,
    "full": _within,
    "uniform": _within,
    "randn": _normal,
}
CARRIERS = RESHAPES | {
    "stack",
    "cat",
    "getitem",
    "batch",
    "element",
    "tensor",
    "index_select",
    "detach",
    "roll",
    "flip",
    "repeat",
    "repeat_interleave",
    "tile",
    "copy",
    "clone",
}
"""Operations whose result holds values of their tensors, as they were."""
_SCALED = frozenset({"to_tensor", "normalize_channels"})
_OPERATIONS: dict[str, dict[int, Callable[..., float]]] = {
    "add": {2: lambda a, b: a + b},
    "sub": {2: lambda a, b: a - b},
    "mul": {2: lambda a, b: a * b},
    "truediv": {2: lambda a, b: a / b},
    "pow": {2: math.pow},
    "neg": {1: lambda a: -a},
    "abs": {1: abs},
    "sin": {1: math.sin},
    "cos": {1: math.cos},
    "exp": {1: math.exp},
    "sqrt": {1: math.sqrt},
    "square": {1: lambda a: a * a},
    "tanh": {1: math.tanh},
    "int": {1: math.trunc},
    "float": {1: float},
    "sigmoid": {1: lambda a: 1 / (1 + math.exp(-a))},
    "relu": {1: lambda a: max(a, 0.0)},
    "gt": {2: lambda a, b: a > b},
    "lt": {2: lambda a, b: a < b},
    "ge": {2: lambda a, b: a >= b},
    "le": {2: lambda a, b: a <= b},
    "eq": {2: lambda a, b: a == b},
    "ne": {2: lambda a, b: a != b},
    "and": {2: lambda a, b: int(a) & int(b)},
    "or": {2: lambda a, b: int(a) | int(b)},
    "logical_and": {2: lambda a, b: bool(a and b)},
    "logical_or": {2: lambda a, b: bool(a or b)},
    "logical_not": {1: lambda a: not a},
    "minimum": {2: min},
    "maximum": {2: max},
    "where": {3: lambda condition, a, b: a if condition else b},
}
