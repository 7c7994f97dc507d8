"""Pooling and unpooling, in windows and to given sizes."""

from __future__ import annotations

import math

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import UNKNOWN, Apply, Facts, fresh, to_dim, unknown
from aelint.semantics.operators.axes import batched, items
from aelint.semantics.operators.convolution import per_axis, spatial_input, window_output
from aelint.semantics.operators.ranges import NONNEGATIVE
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []


def _windows(apply: Apply, rank: int) -> Shape | None:
    """The shape after sliding a window over the last axes."""
    shape = spatial_input(apply, rank)
    if shape is None:
        return None
    kernel = per_axis(apply["kernel_size"], rank)
    given = apply["stride"]
    stride = kernel if given is None or items(given) == () else per_axis(given, rank)
    padding = per_axis(0 if apply["padding"] is None else apply["padding"], rank)
    dilation = per_axis(1 if apply["dilation"] is None else apply["dilation"], rank)
    ceil = apply["ceil_mode"]
    spatial = [
        _window(apply, size, (k, s, p, d), ceil=ceil not in (False, None))
        for size, k, s, p, d in zip(shape[-rank:], kernel, stride, padding, dilation, strict=True)
    ]
    return (*shape[:-rank], *spatial)


def _window(
    apply: Apply, size: Dim, window: tuple[Dim | None, Dim | None, Dim | None, Dim | None], *, ceil: bool
) -> Dim:
    kernel, stride, padding, dilation = window
    if not ceil:
        return window_output(apply, size, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    if apply["ceil_mode"] is True and all(isinstance(v, int) for v in (size, *window)):
        return _rounded_up(*(int(v) for v in (size, *window) if isinstance(v, int)))
    return fresh("size")


def _rounded_up(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Torch rounds up, but a window must start inside of the input or its left padding."""
    if stride < 1:
        return 1
    out = math.ceil((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


_POOL = "kernel_size, stride=None, padding=0"


def _register_pools(rank: int) -> None:
    max_init = f"{_POOL}, dilation=1, return_indices=False, ceil_mode=False"
    max_params = f"input, {_POOL}, dilation=1, ceil_mode=False, return_indices=False"
    more = "" if rank == 1 else ", divisor_override=None"
    average = f"{_POOL}, ceil_mode=False, count_include_pad=True{more}"

    @REGISTRY.layer(f"MaxPool{rank}d", max_init, name=f"max_pool{rank}d")
    @REGISTRY.operation(f"max_pool{rank}d", max_params, functions=f"nn.functional.max_pool{rank}d max_pool{rank}d")
    def max_pool(apply: Apply) -> Facts | tuple[Facts, Facts] | None:
        x = apply.tensor()
        return _with_indices(apply, Facts(_windows(apply, rank), (), x.range, x.kind))

    @REGISTRY.layer(f"AvgPool{rank}d", average, name=f"avg_pool{rank}d")
    @REGISTRY.operation(
        f"avg_pool{rank}d",
        f"input, {average}",
        functions=f"nn.functional.avg_pool{rank}d" + (" avg_pool1d" if rank == 1 else ""),
    )
    def avg_pool(apply: Apply) -> Facts:
        # Padding counts as zeros; with another divisor the mean is no mean.
        plain = apply["divisor_override"] is None
        bounds = apply.tensor().range.hull(Interval(0, 0)) if plain else ANY
        return Facts(_windows(apply, rank), (), bounds)

    @REGISTRY.layer(f"LPPool{rank}d", "norm_type, kernel_size, stride=None, ceil_mode=False", name=f"lp_pool{rank}d")
    @REGISTRY.operation(
        f"lp_pool{rank}d",
        "input, norm_type, kernel_size, stride=None, ceil_mode=False",
        functions=f"nn.functional.lp_pool{rank}d",
    )
    def lp_pool(apply: Apply) -> Facts:
        return Facts(_windows(apply, rank))

    @REGISTRY.layer(f"AdaptiveAvgPool{rank}d", "output_size", name=f"adaptive_avg_pool{rank}d")
    @REGISTRY.operation(
        f"adaptive_avg_pool{rank}d", "input, output_size", functions=f"nn.functional.adaptive_avg_pool{rank}d"
    )
    def adaptive_average(apply: Apply) -> Facts:
        return Facts(_adapted(apply, rank), (), apply.tensor().range)

    @REGISTRY.layer(f"AdaptiveMaxPool{rank}d", "output_size, return_indices=False", name=f"adaptive_max_pool{rank}d")
    @REGISTRY.operation(
        f"adaptive_max_pool{rank}d",
        "input, output_size, return_indices=False",
        functions=f"nn.functional.adaptive_max_pool{rank}d",
    )
    def adaptive_max(apply: Apply) -> Facts | tuple[Facts, Facts] | None:
        x = apply.tensor()
        return _with_indices(apply, Facts(_adapted(apply, rank), (), x.range, x.kind))

    @REGISTRY.layer(f"MaxUnpool{rank}d", _POOL, "input, indices, output_size=None", name=f"max_unpool{rank}d")
    @REGISTRY.operation(
        f"max_unpool{rank}d", f"input, indices, {_POOL}, output_size=None", functions=f"nn.functional.max_unpool{rank}d"
    )
    def unpool(apply: Apply) -> Facts:
        return Facts(_unpooled(apply, rank), (), apply.tensor().range.hull(Interval(0, 0)))


def _with_indices(apply: Apply, result: Facts) -> Facts | tuple[Facts, Facts] | None:
    if apply["return_indices"] is False:
        return result
    if apply["return_indices"] is True:
        return result, Facts(result.shape, result.last, NONNEGATIVE, "int")
    return None


def _adapted(apply: Apply, rank: int) -> Shape | None:
    shape = batched(apply["input"], rank + 2)
    if shape is None or len(shape) not in {rank + 1, rank + 2}:
        return None
    wanted = items(apply["output_size"])
    sizes = (apply["output_size"],) * rank if wanted is None else wanted
    if len(sizes) != rank or apply["output_size"] is UNKNOWN:
        return None
    spatial = [
        own if size is None else fresh("size") if (d := to_dim(size)) is None else d
        for own, size in zip(shape[-rank:], sizes, strict=True)
    ]
    return (*shape[:-rank], *spatial)


def _unpooled(apply: Apply, rank: int) -> Shape | None:
    """(size - 1)*stride + kernel - 2*padding, unless `output_size` says otherwise."""
    shape = batched(apply["input"], rank + 2)
    if shape is None or len(shape) not in {rank + 1, rank + 2}:
        return None
    if apply["output_size"] is not None:
        wanted = items(apply["output_size"])
        if wanted is None or len(wanted) < rank:
            return None
        return (*shape[:-rank], *(fresh("size") if (d := to_dim(v)) is None else d for v in wanted[-rank:]))
    kernel = per_axis(apply["kernel_size"], rank)
    stride = kernel if apply["stride"] is None else per_axis(apply["stride"], rank)
    padding = per_axis(apply["padding"], rank)
    spatial: list[Dim] = []
    for size, k, s, p in zip(shape[-rank:], kernel, stride, padding, strict=True):
        known = k is not None and s is not None and p is not None
        spatial.append(
            dims.sub(dims.add(dims.mul(dims.sub(size, 1), s), k), dims.mul(p, 2))
            if known and k is not None and s is not None and p is not None
            else fresh("size")
        )
    return (*shape[:-rank], *spatial)


for _rank in (1, 2, 3):
    _register_pools(_rank)


@REGISTRY.layer(
    "FractionalMaxPool2d",
    "kernel_size, output_size=None, output_ratio=None, return_indices=False",
    name="fractional_max_pool",
)
@REGISTRY.layer(
    "FractionalMaxPool3d",
    "kernel_size, output_size=None, output_ratio=None, return_indices=False",
    name="fractional_max_pool",
)
def _fractional(apply: Apply) -> Facts | tuple[Facts, Facts] | None:
    x = apply.tensor()
    return _with_indices(apply, unknown(x.kind, x.range))
