"""Reductions over axes, cumulative functions, sorting and searching."""

from __future__ import annotations

import math

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh, to_dim, unknown
from aelint.semantics.operators.axes import axes_of, axis_of, broadcast_all, items
from aelint.semantics.operators.ranges import BOOL, NONNEGATIVE, absolute, places, sane, square
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["reduced_shape"]


def reduced_shape(apply: Apply, x: Facts) -> tuple[Shape | None, Dim | None]:
    """The shape after reducing the axes `dim` (None: all) and the number of elements that went into each result."""
    dim, keep = apply["dim"], apply["keepdim"]
    if x.shape is None:
        return (() if dim is None and keep in (None, False) else None), None
    if dim is None or items(dim) == ():
        axes: list[int] | None = list(range(len(x.shape)))
    else:
        axes = axes_of(apply, dim, x.shape)
    if axes is None:
        return None, None
    if not isinstance(keep, bool | None):
        return None, None
    count = dims.product(x.shape[a] for a in axes if a < len(x.shape))
    if keep:
        return tuple(1 if i in axes else size for i, size in enumerate(x.shape)), count
    return tuple(size for i, size in enumerate(x.shape) if i not in axes), count


def _reduction(apply: Apply, bounds: Interval, kind: str | None) -> Facts:
    shape, _ = reduced_shape(apply, apply.tensor())
    return Facts(shape, (), bounds, kind)


def _scaled(x: Interval, count: Dim | None) -> Interval:
    """The range of a sum of `count` values."""
    if isinstance(count, int):
        total = x * Interval(count, count)
        return sane(total.low, total.high)
    return Interval(0 if x.low >= 0 else -math.inf, 0 if x.high <= 0 else math.inf)


_AXES = "input, dim=None, keepdim=False"


@REGISTRY.operation("sum", f"{_AXES}, dtype=None", functions="sum nansum", methods="sum nansum")
def _sum(apply: Apply) -> Facts:
    x = apply.tensor()
    shape, count = reduced_shape(apply, x)
    kind = "int" if x.kind == "bool" else x.kind
    return Facts(shape, (), _scaled(x.range, count), kind if apply["dtype"] is None else None)


@REGISTRY.operation("mean", f"{_AXES}, dtype=None", functions="mean nanmean", methods="mean nanmean")
def _mean(apply: Apply) -> Facts:
    return _reduction(apply, apply.tensor().range, "float")


@REGISTRY.operation("prod", f"{_AXES}, dtype=None", functions="prod", methods="prod")
def _prod(apply: Apply) -> Facts:
    x = apply.tensor()
    bounds = Interval(0, 1) if x.range.low >= 0 and x.range.high <= 1 else NONNEGATIVE if x.range.low >= 0 else ANY
    kind = "int" if x.kind == "bool" else x.kind
    return _reduction(apply, bounds, kind if apply["dtype"] is None else None)


def _spread(apply: Apply) -> Interval:
    """Largest distance of a value from the mean, twice over to allow for the unbiased estimate."""
    x = apply.tensor().range
    return sane(0, x.high - x.low)


@REGISTRY.operation(
    "std", "input, dim=None, unbiased=True, keepdim=False, correction=None", functions="std", methods="std"
)
def _std(apply: Apply) -> Facts:
    return _moment(apply, _spread(apply))


@REGISTRY.operation(
    "var", "input, dim=None, unbiased=True, keepdim=False, correction=None", functions="var", methods="var"
)
def _var(apply: Apply) -> Facts:
    spread = _spread(apply)
    return _moment(apply, square(spread))


def _moment(apply: Apply, bounds: Interval) -> Facts:
    if isinstance(apply["dim"], bool):
        # `std(False)` is `unbiased`.
        return Facts((), (), bounds)
    return _reduction(apply, bounds if apply["correction"] in (None, 0, 1) else NONNEGATIVE, "float")


@REGISTRY.operation("std_mean", "input, dim=None, unbiased=True, keepdim=False, correction=None", functions="std_mean")
@REGISTRY.operation("var_mean", "input, dim=None, unbiased=True, keepdim=False, correction=None", functions="var_mean")
def _two_moments(apply: Apply) -> tuple[Facts, Facts]:
    return _moment(apply, NONNEGATIVE), _reduction(apply, apply.tensor().range, "float")


@REGISTRY.operation(
    "norm", "input, p='fro', dim=None, keepdim=False, out=None, dtype=None", functions="norm", methods="norm"
)
@REGISTRY.operation(
    "norm",
    "input, ord=None, dim=None, keepdim=False, dtype=None",
    functions="linalg.norm linalg.vector_norm linalg.matrix_norm",
)
def _norm(apply: Apply) -> Facts:
    if apply.name == "matrix_norm":
        return unknown("float", NONNEGATIVE)
    return _reduction(apply, NONNEGATIVE, "float")


@REGISTRY.operation(
    "logsumexp", "input, dim, keepdim=False", functions="logsumexp special.logsumexp", methods="logsumexp"
)
def _logsumexp(apply: Apply) -> Facts:
    x = apply.tensor()
    shape, count = reduced_shape(apply, x)
    high = x.range.high + math.log(count) if isinstance(count, int) and count > 0 else math.inf
    return Facts(shape, (), sane(x.range.low, high))


@REGISTRY.operation("amax", _AXES.replace("None", "()"), functions="amax", methods="amax")
@REGISTRY.operation("amin", _AXES.replace("None", "()"), functions="amin", methods="amin")
def _extreme(apply: Apply) -> Facts:
    x = apply.tensor()
    return _reduction(apply, x.range, x.kind)


@REGISTRY.operation("all", _AXES, functions="all", methods="all")
@REGISTRY.operation("any", _AXES, functions="any", methods="any")
def _logical(apply: Apply) -> Facts:
    return _reduction(apply, BOOL, "bool")


@REGISTRY.operation("count_nonzero", "input, dim=None", functions="count_nonzero", methods="count_nonzero")
def _count(apply: Apply) -> Facts:
    return _reduction(apply, NONNEGATIVE, "int")


@REGISTRY.operation("argmax", _AXES, functions="argmax", methods="argmax")
@REGISTRY.operation("argmin", _AXES, functions="argmin", methods="argmin")
def _position(apply: Apply) -> Facts:
    return _reduction(apply, _places(apply), "int")


def _places(apply: Apply) -> Interval:
    """Where the largest entry may stand; the last axis may be known where others are not."""
    x = apply.tensor()
    _, count = reduced_shape(apply, x)
    return places(x.last[-1] if count is None and x.last and apply["dim"] == -1 else count)


def _extremes(apply: Apply) -> Facts | tuple[Facts, Facts]:
    """`max()` of everything, `max(dim)` with positions, `max(other)` element by element."""
    x = apply.tensor()
    dim = apply["dim"]
    if dim is None:
        return Facts((), (), x.range, x.kind)
    if facts_of(dim).tensor:
        shape, last = broadcast_all(apply, apply["input"], dim)
        return Facts(shape, last, x.range.hull(facts_of(dim).range), None)
    if apply.int("dim") is None:
        return unknown()
    return _with_positions(apply, x.range)


def _with_positions(apply: Apply, bounds: Interval) -> tuple[Facts, Facts]:
    x = apply.tensor()
    shape, _ = reduced_shape(apply, x)
    return Facts(shape, (), bounds, x.kind), Facts(shape, (), _places(apply), "int")


for _name in ("max", "min"):
    REGISTRY.operation(_name, _AXES, functions=_name, methods=_name)(_extremes)


@REGISTRY.operation("median", _AXES, functions="median nanmedian", methods="median nanmedian")
def _median(apply: Apply) -> Facts | tuple[Facts, Facts]:
    x = apply.tensor()
    if apply["dim"] is None:
        return Facts((), (), x.range, x.kind)
    return _with_positions(apply, x.range)


@REGISTRY.operation("mode", "input, dim=-1, keepdim=False", functions="mode", methods="mode")
def _mode(apply: Apply) -> tuple[Facts, Facts]:
    return _with_positions(apply, apply.tensor().range)


@REGISTRY.operation("kthvalue", "input, k, dim=-1, keepdim=False", functions="kthvalue", methods="kthvalue")
def _kthvalue(apply: Apply) -> tuple[Facts, Facts]:
    return _with_positions(apply, apply.tensor().range)


@REGISTRY.operation(
    "quantile",
    "input, q, dim=None, keepdim=False, interpolation='linear'",
    functions="quantile nanquantile",
    methods="quantile nanquantile",
)
def _quantile(apply: Apply) -> Facts:
    x, q = apply.tensor(), apply.tensor("q")
    shape, _ = reduced_shape(apply, x)
    known = None if shape is None or q.shape is None else q.shape + shape
    return Facts(known, (), x.range)


@REGISTRY.operation("topk", "input, k, dim=-1, largest=True, sorted=True", functions="topk", methods="topk")
def _topk(apply: Apply) -> tuple[Facts, Facts]:
    x, k = apply.tensor(), to_dim(apply["k"])
    shape: Shape | None = None
    if x.shape is not None:
        axis = axis_of(apply, apply["dim"], len(x.shape), x.shape)
        if axis is not None and x.shape:
            if isinstance(k, int) and isinstance(x.shape[axis], int) and k > x.shape[axis]:  # type: ignore[operator]
                apply.conflict("size", kernel=k, size=x.shape[axis])
            shape = (*x.shape[:axis], fresh("k") if k is None else k, *x.shape[axis + 1 :])
    return Facts(shape, (), x.range, x.kind), Facts(shape, (), NONNEGATIVE, "int")


@REGISTRY.operation("sort", "input, dim=-1, descending=False, stable=False", functions="sort", methods="sort")
def _sort(apply: Apply) -> tuple[Facts, Facts]:
    x = apply.tensor()
    return Facts(x.shape, x.last, x.range, x.kind), Facts(x.shape, x.last, NONNEGATIVE, "int")


@REGISTRY.operation("argsort", "input, dim=-1, descending=False, stable=False", functions="argsort", methods="argsort")
def _argsort(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, NONNEGATIVE, "int")


@REGISTRY.operation("cumsum", "input, dim, dtype=None", functions="cumsum", methods="cumsum")
def _cumsum(apply: Apply) -> Facts:
    x = apply.tensor()
    axis = axis_of(apply, apply["dim"], len(x.shape), x.shape) if x.shape is not None else None
    count = x.shape[axis] if x.shape and axis is not None else None
    total = _scaled(x.range, count) if x.shape != () else x.range
    kind = "int" if x.kind == "bool" else x.kind
    return Facts(x.shape, x.last, total.hull(x.range), kind if apply["dtype"] is None else None)


@REGISTRY.operation("cumprod", "input, dim, dtype=None", functions="cumprod", methods="cumprod")
@REGISTRY.operation("logcumsumexp", "input, dim", functions="logcumsumexp", methods="logcumsumexp")
def _cumulative(apply: Apply) -> Facts:
    x = apply.tensor()
    kind = "int" if x.kind == "bool" else x.kind
    return Facts(x.shape, x.last, ANY, kind if apply["dtype"] is None else None)


@REGISTRY.operation("cummax", "input, dim", functions="cummax", methods="cummax")
@REGISTRY.operation("cummin", "input, dim", functions="cummin", methods="cummin")
def _cumulative_extreme(apply: Apply) -> tuple[Facts, Facts]:
    return _sort(apply)


@REGISTRY.operation("trace", "input", functions="trace", methods="trace")
@REGISTRY.operation("det", "input", functions="det linalg.det", methods="det")
@REGISTRY.operation("logdet", "input", functions="logdet", methods="logdet")
def _of_matrix(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(None if x.shape is None or len(x.shape) < 2 else x.shape[:-2], (), ANY, x.kind)


@REGISTRY.operation("dist", "input, other, p=2", functions="dist", methods="dist")
def _dist(apply: Apply) -> Facts:
    broadcast_all(apply, apply["input"], apply["other"])
    return Facts((), (), NONNEGATIVE)


@REGISTRY.operation(
    "unique",
    "input, sorted=True, return_inverse=False, return_counts=False, dim=None",
    functions="unique",
    methods="unique",
)
def _unique(apply: Apply) -> Facts | None:
    x = apply.tensor()
    if apply["return_inverse"] is not False or apply["return_counts"] is not False or apply["dim"] is not None:
        return None
    return Facts((fresh("unique"),), (), x.range, x.kind)


@REGISTRY.operation("bincount", "input, weights=None, minlength=0", functions="bincount", methods="bincount")
def _bincount(apply: Apply) -> Facts:
    weights = apply["weights"]
    return Facts((fresh("bins"),), (), NONNEGATIVE if weights is None else ANY, "int" if weights is None else "float")


@REGISTRY.operation("cov", "input, correction=1, fweights=None, aweights=None", functions="cov", methods="cov")
@REGISTRY.operation("corrcoef", "input", functions="corrcoef", methods="corrcoef")
def _covariance(apply: Apply) -> Facts:
    shape = apply.tensor().shape
    return Facts((shape[0], shape[0])) if shape is not None and len(shape) == 2 else unknown("float")


@REGISTRY.operation("diff", "input, n=1, dim=-1", functions="diff", methods="diff")
def _diff(apply: Apply) -> Facts:
    x, n = apply.tensor(), apply.int("n")
    if not x.shape or n is None:
        return unknown(x.kind)
    axis = axis_of(apply, apply["dim"], len(x.shape), x.shape)
    if axis is None:
        return unknown(x.kind)
    left = dims.sub(x.shape[axis], n)
    reach = absolute(x.range).high * 2.0 ** min(max(n, 0), 64) if n <= 64 else math.inf
    size = max(left, 0) if isinstance(left, int) else left
    return Facts(
        (*x.shape[:axis], size, *x.shape[axis + 1 :]), (), sane(-reach, reach), x.kind if x.kind != "bool" else None
    )
