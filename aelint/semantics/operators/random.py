"""Functions that make tensors: random numbers, constants, sequences, copies of data."""

from __future__ import annotations

import math

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import External, ListValue, Object, Shape, Sym, Value
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh, is_float, to_dim, to_dims, to_number, unknown
from aelint.semantics.operators.axes import broadcast_all, items
from aelint.semantics.operators.ranges import NONNEGATIVE, UNIT, hull, places
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["DRAWN", "kind_of_dtype", "sizes_of"]

DRAWN = frozenset({"rand", "randn", "randint", "randperm", "random", "normal", "uniform", "bernoulli", "multinomial"})
"""Operations whose values are drawn by chance, of equal probabilities or of given ones."""


def sizes_of(value: Value) -> Shape | None:
    """The shape in `zeros(2, 3)`, `zeros((2, 3))`, `zeros([2, 3])` or `zeros(x.shape)`; None if its rank is unknown."""
    parts = items(value)
    if parts is None:
        return None
    if len(parts) == 1:
        inner = parts[0]
        nested = items(inner)
        if nested is not None:
            parts = nested
        elif to_dim(inner) is None or not isinstance(inner, int | Poly):
            # A single unknown value may be one size or a whole shape.
            return None
    return tuple(fresh(f"size({i})", batch=i == 0) if (d := to_dim(p)) is None else d for i, p in enumerate(parts))


_KINDS = {
    "torch.bool": "bool",
    **dict.fromkeys(("torch.int", "torch.long", "torch.short", "torch.uint8"), "int"),
    **dict.fromkeys(("torch.int8", "torch.int16", "torch.int32", "torch.int64"), "int"),
    **dict.fromkeys(("torch.float", "torch.double", "torch.half", "torch.bfloat16"), "float"),
    **dict.fromkeys(("torch.float16", "torch.float32", "torch.float64"), "float"),
}


def kind_of_dtype(value: Value, default: str | None) -> str | None:
    """The kind that a `dtype` argument asks for; None if it is unknown."""
    match value:
        case None:
            return default
        case External(name=name):
            return _KINDS.get(name)
        case _:
            return None


def _made(apply: Apply, bounds: Interval, kind: str | None) -> Facts:
    return Facts(sizes_of(apply["size"]), (), bounds, kind_of_dtype(apply["dtype"], kind))


def _like(apply: Apply, bounds: Interval, kind: str | None = None) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, bounds, kind_of_dtype(apply["dtype"], kind or x.kind))


def _family(name: str, bounds: Interval) -> None:
    """`name(*size)`, `name_like(x)` and, for constants, `x.new_name(*size)`."""

    @REGISTRY.operation(name, "*size", functions=name)
    def make(apply: Apply) -> Facts:
        return _made(apply, bounds, "float")

    @REGISTRY.operation(name, "input", functions=f"{name}_like")
    def like(apply: Apply) -> Facts:
        return _like(apply, bounds)

    if name in {"zeros", "ones", "empty"}:

        @REGISTRY.operation(name, "input, *size", methods=f"new_{name}")
        def new(apply: Apply) -> Facts:
            return _made(apply, bounds, apply.tensor().kind)


for _name, _bounds in (
    ("randn", ANY),
    ("rand", UNIT),
    ("zeros", Interval(0, 0)),
    ("ones", Interval(1, 1)),
    ("empty", ANY),
):
    _family(_name, _bounds)


def _number(value: Value) -> Interval:
    facts = facts_of(value)
    return facts.range if facts.tensor is False else ANY


def _kind_of_fill(value: Value) -> str | None:
    known = is_float(value)
    return None if known is None else "float" if known else "bool" if isinstance(value, bool) else "int"


@REGISTRY.operation("full", "size, fill_value", functions="full")
@REGISTRY.operation("full", "input, size, fill_value", methods="new_full")
def _full(apply: Apply) -> Facts:
    fill = apply["fill_value"]
    kind = apply.tensor().kind if "input" in apply.args else _kind_of_fill(fill)
    return Facts(sizes_of((apply["size"],)), (), _number(fill), kind_of_dtype(apply["dtype"], kind))


@REGISTRY.operation("full", "input, fill_value", functions="full_like")
def _full_like(apply: Apply) -> Facts:
    bounds = _number(apply["fill_value"]) if apply.tensor().kind == "float" else ANY
    return _like(apply, bounds)


@REGISTRY.operation("randint", "low, high=None, size=None, generator=None", functions="randint")
def _randint(apply: Apply) -> Facts:
    low, high, size = apply["low"], apply["high"], apply["size"]
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    bounds = _from_to(facts_of(low).range, facts_of(high).range)
    return Facts(sizes_of((size,)), (), bounds, kind_of_dtype(apply["dtype"], "int"))


@REGISTRY.operation("randint", "input, low, high=None", functions="randint_like")
def _randint_like(apply: Apply) -> Facts:
    low, high = (0, apply["low"]) if apply["high"] is None else (apply["low"], apply["high"])
    return _like(apply, _from_to(facts_of(low).range, facts_of(high).range))


def _from_to(low: Interval, high: Interval) -> Interval:
    return Interval(low.low, max(high.high - 1, low.low))


@REGISTRY.operation("randperm", "n, generator=None", functions="randperm")
def _randperm(apply: Apply) -> Facts:
    n = apply.dim("n")
    high = float(n - 1) if isinstance(n, int) and n > 0 else math.inf
    return Facts((fresh("n") if n is None else n,), (), Interval(0, high), "int")


@REGISTRY.operation("normal", "mean=0.0, std=1.0, size=None, generator=None", functions="normal")
def _normal(apply: Apply) -> Facts:
    if apply["size"] is not None:
        return Facts(sizes_of((apply["size"],)))
    shape, last = broadcast_all(apply, apply["mean"], apply["std"])
    return Facts(shape, last)


@REGISTRY.operation("bernoulli", "input, p=None, generator=None", functions="bernoulli", methods="bernoulli")
@REGISTRY.operation("poisson", "input, generator=None", functions="poisson")
def _drawn(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, UNIT if "p" in apply.args else NONNEGATIVE, x.kind)


@REGISTRY.operation(
    "multinomial",
    "input, num_samples, replacement=False, generator=None",
    functions="multinomial",
    methods="multinomial",
)
def _multinomial(apply: Apply) -> Facts:
    x, count = apply.tensor(), apply.dim("num_samples")
    if not x.shape:
        return unknown("int", NONNEGATIVE)
    shape = (*x.shape[:-1], fresh("num_samples") if count is None else count)
    return Facts(shape, (), places(x.shape[-1]), "int")


def _overwritten(name: str, params: str, bounds: Interval | None = None) -> None:
    """A method that fills its tensor in place."""

    @REGISTRY.operation(name, f"input, {params}", methods=f"{name}_")
    def transfer(apply: Apply) -> Facts:
        x = apply.tensor()
        return Facts(x.shape, x.last, ANY if bounds is None else bounds, x.kind)


_overwritten("normal", "mean=0.0, std=1.0, generator=None")
_overwritten("bernoulli", "p=0.5, generator=None", UNIT)
_overwritten("exponential", "lambd=1.0, generator=None", NONNEGATIVE)
_overwritten("log_normal", "mean=1.0, std=2.0, generator=None", NONNEGATIVE)
_overwritten("cauchy", "median=0.0, sigma=1.0, generator=None")
_overwritten("geometric", "p, generator=None", NONNEGATIVE)
_overwritten("zero", "value=0", Interval(0, 0))


@REGISTRY.operation("uniform", "input, a=0.0, b=1.0, generator=None", methods="uniform_")
def _uniform(apply: Apply) -> Facts:
    # torch names the first bound `from`, which no Python signature can.
    x = apply.tensor()
    low = facts_of(apply.args.get("from", apply["a"])).range.low
    high = facts_of(apply.args.get("to", apply["b"])).range.high
    return Facts(x.shape, x.last, Interval(low, high) if low <= high else ANY, x.kind)


@REGISTRY.operation("full", "input, value", methods="fill_")
@REGISTRY.operation("full", "input, value", functions="fill", methods="fill")
def _fill(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, _number(apply["value"]) if x.kind == "float" else ANY, x.kind)


@REGISTRY.operation("random", "input, a=0, b=None, generator=None", methods="random_")
def _random(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, ANY, x.kind)


@REGISTRY.operation("arange", "start, end=None, step=1", functions="arange")
def _arange(apply: Apply) -> Facts:
    start, end, step = apply["start"], apply["end"], apply["step"]
    if end is None:
        start, end = 0, start
    floats = [is_float(v) for v in (start, end, step)]
    kind = "float" if True in floats else None if None in floats else "int"
    bounds = hull([facts_of(start).range, facts_of(end).range])
    return Facts((_length(start, end, step),), (), bounds, kind_of_dtype(apply["dtype"], kind))


def _length(start: Value, end: Value, step: Value) -> Dim:
    a, b, s = to_number(start), to_number(end), to_number(step)
    if a is not None and b is not None and s:
        return max(math.ceil((b - a) / s), 0)
    low, high = to_dim(start), to_dim(end)
    return dims.sub(high, low) if low is not None and high is not None and step == 1 else fresh("length")


@REGISTRY.operation("linspace", "start, end, steps", functions="linspace")
def _linspace(apply: Apply) -> Facts:
    steps = apply.dim("steps")
    bounds = apply.tensor("start").range.hull(apply.tensor("end").range)
    return Facts((fresh("steps") if steps is None else steps,), (), bounds, kind_of_dtype(apply["dtype"], "float"))


@REGISTRY.operation("logspace", "start, end, steps, base=10.0", functions="logspace")
def _logspace(apply: Apply) -> Facts:
    steps = apply.dim("steps")
    return Facts((fresh("steps") if steps is None else steps,), (), NONNEGATIVE, kind_of_dtype(apply["dtype"], "float"))


@REGISTRY.operation("eye", "n, m=None", functions="eye")
def _eye(apply: Apply) -> Facts:
    n = apply.dim("n")
    m = n if apply["m"] is None else apply.dim("m")
    sizes = tuple(fresh("n") if d is None else d for d in (n, m))
    return Facts(sizes, (), UNIT, kind_of_dtype(apply["dtype"], "float"))


@REGISTRY.operation("tensor", "data", functions="tensor as_tensor asarray")
@REGISTRY.operation("tensor", "data", functions="from_numpy")
@REGISTRY.operation("tensor", "input, data", methods="new_tensor")
def _tensor(apply: Apply) -> Facts:
    data = apply["data"]
    shape = _nested_shape(data)
    values = _leaves(data) if shape is not None else []
    if shape is None:
        x = facts_of(data)
        kind = None if apply["dtype"] is not None else x.kind
        return Facts(x.shape, x.last, x.range if apply["dtype"] is None else ANY, kind_of_dtype(apply["dtype"], kind))
    kinds = {_kind_of_fill(v) for v in values}
    kind = "float" if "float" in kinds else kinds.pop() if len(kinds) == 1 else None
    return Facts(shape, (), hull(facts_of(v).range for v in values), kind_of_dtype(apply["dtype"], kind))


def _nested_shape(data: Value) -> Shape | None:
    """The shape of numbers nested in lists and tuples; None for anything irregular or unknown."""
    if isinstance(data, bool | int | float | Poly) or (isinstance(data, Sym) and data.tensor is False):
        return ()
    match data:
        case tuple() | ListValue(complete=True) if parts := items(data):
            inner = {_nested_shape(p) for p in parts}
            first = inner.pop()
            return None if inner or first is None else (len(parts), *first)
        case ListValue(items=[one, *_], complete=False) if (row := _nested_shape(one)) is not None:
            return (fresh("length"), *row)  # torch takes no list whose rows differ in their sizes
        case _:
            return None


def _leaves(data: Value) -> list[Value]:
    """The numbers in nested lists; an unknown one beside them where a list goes on beyond what is known of it."""
    match data:
        case ListValue(items=parts, complete=False):
            return [Sym("element", (data,)), *(leaf for part in parts for leaf in _leaves(part))]
        case _:
            known = items(data)
            return [data] if known is None else [leaf for part in known for leaf in _leaves(part)]


@REGISTRY.layer("Parameter", "data=None, requires_grad=True", name="parameter", stateful=True)
@REGISTRY.operation("parameter", "data=None, requires_grad=True", functions="nn.Parameter nn.parameter.Parameter")
def _parameter(apply: Apply) -> Facts:
    x = facts_of(apply["data"])
    return Facts(x.shape, x.last, ANY, x.kind)


@REGISTRY.operation("tensor", "*size", functions="Tensor FloatTensor DoubleTensor")
@REGISTRY.operation("tensor", "*size", functions="cuda.FloatTensor")
def _legacy_tensor(apply: Apply) -> Facts:
    parts = items(apply["size"])
    if parts is None:
        return unknown("float")
    if len(parts) == 1 and isinstance(parts[0], tuple):
        # `FloatTensor(x.size())` has this shape, `FloatTensor((1, 2))` these numbers: as tuples they look alike.
        return unknown("float")
    if len(parts) == 1 and (shape := _nested_shape(parts[0])) is not None and shape != ():
        return Facts(shape, (), ANY)
    if parts and all(isinstance(p, int | Poly) for p in parts):
        return Facts(sizes_of(parts), (), ANY)
    return unknown("float")


@REGISTRY.operation("shape_of", "input", functions="Size")
def _size(apply: Apply) -> Value:
    return to_dims(apply["input"]) if not isinstance(apply["input"], Object) else None
