"""Layers that move pixels: upsampling, pixel shuffling, padding, folding, grids."""

from __future__ import annotations

import math

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Shape, Value
from aelint.semantics.operators.api import Apply, Facts, fresh, to_dim, to_number, unknown
from aelint.semantics.operators.axes import differ, items
from aelint.semantics.operators.convolution import per_axis, window_output
from aelint.semantics.operators.ranges import sane
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []

_SCALE = "size=None, scale_factor=None"


@REGISTRY.layer(
    "Upsample", f"{_SCALE}, mode='nearest', align_corners=None, recompute_scale_factor=None", name="interpolate"
)
@REGISTRY.layer("UpsamplingNearest2d", _SCALE, name="interpolate")
@REGISTRY.layer("UpsamplingBilinear2d", _SCALE, name="interpolate")
@REGISTRY.operation(
    "interpolate",
    f"input, {_SCALE}, mode='nearest', align_corners=None, recompute_scale_factor=None, antialias=False",
    functions="nn.functional.interpolate nn.functional.upsample nn.functional.upsample_nearest nn.functional.upsample_bilinear",
)
def _interpolate(apply: Apply) -> Facts:
    x = apply.tensor()
    # Bicubic interpolation overshoots; the other modes average what is there.
    bounds = (
        x.range
        if apply.text("mode") in {None, "nearest", "linear", "bilinear", "trilinear", "area", "nearest-exact"}
        else ANY
    )
    bounds = bounds if apply["mode"] is None or apply.text("mode") is not None else ANY
    if x.shape is None:
        return unknown(x.kind, bounds)
    if not 3 <= len(x.shape) <= 5:
        apply.conflict("rank", expected=(3, 4, 5), shape=x.shape)
        return unknown(x.kind, bounds)
    rank = len(x.shape) - 2
    spatial = _resized(apply, x.shape[2:], rank)
    return Facts((*x.shape[:2], *spatial), (), bounds, x.kind)


def _resized(apply: Apply, sizes: Shape, rank: int) -> list[Dim]:
    if apply["size"] is not None:
        return [fresh("size") if d is None else d for d in per_axis(apply["size"], rank)]
    factors = items(apply["scale_factor"])
    scale = (apply["scale_factor"],) * rank if factors is None else factors
    if len(scale) != rank:
        return [fresh("size") for _ in sizes]
    return [_scaled(size, factor) for size, factor in zip(sizes, scale, strict=True)]


def _scaled(size: Dim, factor: Value) -> Dim:
    """floor(size * factor)."""
    whole = to_dim(factor)
    if whole is not None:
        return dims.mul(size, whole)
    number = to_number(factor)
    if number is None or number <= 0:
        return fresh("size")
    if isinstance(size, int):
        return math.floor(size * number)
    inverse = 1 / number
    return dims.floor_divide(size, int(inverse)) if inverse.is_integer() else fresh("size")


@REGISTRY.layer("PixelShuffle", "upscale_factor", name="pixel_shuffle")
@REGISTRY.operation("pixel_shuffle", "input, upscale_factor", functions="nn.functional.pixel_shuffle pixel_shuffle")
def _pixel_shuffle(apply: Apply) -> Facts:
    x, factor = apply.tensor(), apply.dim("upscale_factor")
    if x.shape is None or factor is None or len(x.shape) < 3:
        return unknown(x.kind, x.range)
    channels = dims.divide(x.shape[-3], dims.mul(factor, factor))
    if channels is None and isinstance(x.shape[-3], int) and isinstance(factor, int):
        apply.conflict(
            "channels",
            expected=f"a multiple of {factor * factor}",
            actual=x.shape[-3],
            shape=x.shape,
            axis=len(x.shape) - 3,
        )
        return unknown(x.kind, x.range)
    height, width = (dims.mul(d, factor) for d in x.shape[-2:])
    first = fresh("channels") if channels is None else channels
    return Facts((*x.shape[:-3], first, height, width), (), x.range, x.kind)


@REGISTRY.layer("PixelUnshuffle", "downscale_factor", name="pixel_unshuffle")
@REGISTRY.operation(
    "pixel_unshuffle", "input, downscale_factor", functions="nn.functional.pixel_unshuffle pixel_unshuffle"
)
def _pixel_unshuffle(apply: Apply) -> Facts:
    x, factor = apply.tensor(), apply.dim("downscale_factor")
    if x.shape is None or factor is None or factor == 0 or len(x.shape) < 3:
        return unknown(x.kind, x.range)
    channels = dims.mul(x.shape[-3], dims.mul(factor, factor))
    height, width = (dims.floor_divide(d, factor) for d in x.shape[-2:])
    return Facts((*x.shape[:-3], channels, height, width), (), x.range, x.kind)


@REGISTRY.layer("ChannelShuffle", "groups", name="channel_shuffle")
@REGISTRY.operation("channel_shuffle", "input, groups", functions="nn.functional.channel_shuffle channel_shuffle")
def _channel_shuffle(apply: Apply) -> Facts:
    return apply.tensor()


def _grown(apply: Apply, pads: list[Dim | None], bounds: Interval) -> Facts:
    """Add `pads` (last axis first, before and after) to the last axes."""
    x = apply.tensor()
    if x.shape is None or len(pads) % 2 or len(pads) // 2 > len(x.shape):
        return unknown(x.kind, bounds)
    sizes = list(x.shape)
    for i in range(len(pads) // 2):
        before, after = pads[2 * i], pads[2 * i + 1]
        if before is None or after is None:
            sizes[-1 - i] = fresh("size")
            continue
        grown = dims.add(sizes[-1 - i], dims.add(before, after))
        if isinstance(grown, int) and grown < 0:
            apply.conflict("size", output=grown, size=sizes[-1 - i])
            return unknown(x.kind, bounds)
        sizes[-1 - i] = grown
    return Facts(tuple(sizes), (), bounds, x.kind)


@REGISTRY.operation("pad", "input, pad, mode='constant', value=None", functions="nn.functional.pad")
def _pad(apply: Apply) -> Facts:
    x, parts = apply.tensor(), items(apply["pad"])
    bounds = _padded_range(apply, x.range)
    return unknown(x.kind, bounds) if parts is None else _grown(apply, [to_dim(p) for p in parts], bounds)


def _padded_range(apply: Apply, x: Interval) -> Interval:
    mode = apply.text("mode")
    if mode in {"reflect", "replicate", "circular"}:
        return x
    value = 0.0 if apply["value"] is None else apply.number("value")
    return ANY if value is None or mode is None else x.hull(Interval(value, value))


def _register_padding(rank: int) -> None:
    def pads(apply: Apply) -> list[Dim | None]:
        return per_axis(apply["padding"], 2 * rank)

    @REGISTRY.layer(f"ReflectionPad{rank}d", "padding", name="pad")
    @REGISTRY.layer(f"ReplicationPad{rank}d", "padding", name="pad")
    @REGISTRY.layer(f"CircularPad{rank}d", "padding", name="pad")
    def copied(apply: Apply) -> Facts:
        return _grown(apply, pads(apply), apply.tensor().range)

    @REGISTRY.layer(f"ZeroPad{rank}d", "padding", name="pad")
    def zeros(apply: Apply) -> Facts:
        return _grown(apply, pads(apply), apply.tensor().range.hull(Interval(0, 0)))

    @REGISTRY.layer(f"ConstantPad{rank}d", "padding, value", name="pad")
    def constant(apply: Apply) -> Facts:
        return _grown(apply, pads(apply), apply.tensor().range.hull(apply.tensor("value").range))


for _rank in (1, 2, 3):
    _register_padding(_rank)


@REGISTRY.layer("Unfold", "kernel_size, dilation=1, padding=0, stride=1", name="im2col")
@REGISTRY.operation("im2col", "input, kernel_size, dilation=1, padding=0, stride=1", functions="nn.functional.unfold")
def _unfold(apply: Apply) -> Facts:
    x = apply.tensor()
    kernel = per_axis(apply["kernel_size"], 2)
    bounds = x.range.hull(Interval(0, 0))
    if x.shape is None or len(x.shape) not in {3, 4} or kernel[0] is None or kernel[1] is None:
        return unknown(x.kind, bounds)
    blocks = _blocks(apply, x.shape[-2:], kernel)
    patch = dims.product((x.shape[-3], kernel[0], kernel[1]))
    return Facts((*x.shape[:-3], patch, blocks), (), bounds, x.kind)


def _blocks(apply: Apply, sizes: Shape, kernel: list[Dim | None]) -> Dim:
    arguments = [per_axis(apply[n], 2) for n in ("stride", "padding", "dilation")]
    return dims.product(
        window_output(apply, size, kernel=k, stride=s, padding=p, dilation=d)
        for size, k, s, p, d in zip(sizes, kernel, *arguments, strict=True)
    )


@REGISTRY.layer("Fold", "output_size, kernel_size, dilation=1, padding=0, stride=1", name="col2im")
@REGISTRY.operation(
    "col2im", "input, output_size, kernel_size, dilation=1, padding=0, stride=1", functions="nn.functional.fold"
)
def _fold(apply: Apply) -> Facts:
    x = apply.tensor()
    kernel, output = per_axis(apply["kernel_size"], 2), per_axis(apply["output_size"], 2)
    if x.shape is None or len(x.shape) not in {2, 3} or None in kernel or None in output:
        return unknown(x.kind)
    sizes = tuple(d for d in output if d is not None)
    blocks = _blocks(apply, sizes, kernel)
    if differ(blocks, x.shape[-1]):
        apply.conflict("elements", shape=x.shape, target=sizes, have=x.shape[-1], want=blocks)
        return unknown(x.kind)
    channels = dims.divide(x.shape[-2], dims.product(k for k in kernel if k is not None))
    return Facts((*x.shape[:-2], fresh("channels") if channels is None else channels, *sizes), (), ANY, x.kind)


@REGISTRY.operation("unfold", "input, dimension, size, step", methods="unfold")
def _windows(apply: Apply) -> Facts:
    x = apply.tensor()
    axis, size, step = apply.int("dimension"), apply.dim("size"), apply.dim("step")
    if not x.shape or axis is None or size is None or not isinstance(step, int) or step < 1:
        return unknown(x.kind, x.range)
    if not -len(x.shape) <= axis < len(x.shape):
        apply.conflict("axis", axis=axis, rank=len(x.shape), shape=x.shape)
        return unknown(x.kind, x.range)
    shape = list(x.shape)
    shape[axis] = window_output(apply, shape[axis], kernel=size, stride=step, padding=0, dilation=1)
    return Facts((*shape, size), (), x.range, x.kind)


@REGISTRY.operation(
    "grid_sample",
    "input, grid, mode='bilinear', padding_mode='zeros', align_corners=None",
    functions="nn.functional.grid_sample grid_sampler",
)
def _grid_sample(apply: Apply) -> Facts:
    x, grid = apply.tensor(), apply.tensor("grid")
    if x.shape is None or grid.shape is None or len(x.shape) != len(grid.shape) or len(x.shape) < 4:
        return unknown(x.kind)
    return Facts((*x.shape[:2], *grid.shape[1:-1]), (), ANY, x.kind)


@REGISTRY.operation("affine_grid", "theta, size, align_corners=None", functions="nn.functional.affine_grid")
def _affine_grid(apply: Apply) -> Facts:
    parts = items(apply["size"])
    if parts is None or len(parts) not in {4, 5}:
        return unknown("float")
    sizes = [fresh("size") if (d := to_dim(p)) is None else d for p in (parts[0], *parts[2:])]
    return Facts((*sizes, len(parts) - 2), (), sane(-math.inf, math.inf))
