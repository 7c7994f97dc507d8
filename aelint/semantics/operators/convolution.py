"""Convolutions and transposed convolutions in one to three dimensions, modular and functional."""

from __future__ import annotations

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape, Value
from aelint.semantics.operators.api import Apply, Facts, fresh, to_dim, unknown
from aelint.semantics.operators.axes import batched, differ, items
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["check_channels", "per_axis", "spatial_input", "window_output"]


def per_axis(value: Value, rank: int) -> list[Dim | None]:
    """An argument that is one number for all spatial axes or one for each; None where it is unknown."""
    parts = items(value)
    if parts is None:
        return [to_dim(value)] * rank
    if len(parts) == 1:
        return [to_dim(parts[0])] * rank
    return [to_dim(v) for v in parts] if len(parts) == rank else [None] * rank


def spatial_input(apply: Apply, rank: int) -> Shape | None:
    """The input's shape for an operation with `rank` spatial axes, batched or not; reports any other rank."""
    shape = batched(apply["input"], rank + 2)
    if shape is not None and len(shape) not in {rank + 1, rank + 2}:
        apply.conflict("rank", expected=(rank + 1, rank + 2), shape=shape)
        return None
    return shape


def check_channels(apply: Apply, shape: Shape, axis: int, expected: Dim | None) -> bool:
    """Report a channel axis that is not what a layer was built for."""
    if expected is None or not differ(shape[axis], expected):
        return True
    apply.conflict("channels", expected=expected, actual=shape[axis], shape=shape, axis=axis % len(shape))
    return False


def window_output(
    apply: Apply, size: Dim, *, kernel: Dim | None, stride: Dim | None, padding: Dim | None, dilation: Dim | None
) -> Dim:
    """floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1, the formula of torch.nn.Conv2d."""
    if kernel is None or stride is None or padding is None or dilation is None or stride == 0:
        return fresh("size")
    reach = dims.add(dims.mul(dilation, dims.sub(kernel, 1)), 1)
    padded = dims.add(size, dims.mul(padding, 2))
    room = dims.sub(padded, reach)
    if isinstance(room, int) and room < 0:
        apply.conflict("size", kernel=reach, size=padded)
        return fresh("size")
    if not isinstance(stride, int):
        return fresh("size")
    return dims.add(dims.floor_divide(room, stride), 1)


def _convolved(apply: Apply, rank: int, channels: Dim | None, outputs: Dim | None, kernel: list[Dim | None]) -> Facts:
    shape = spatial_input(apply, rank)
    if shape is None:
        return unknown("float")
    if not check_channels(apply, shape, -rank - 1, channels):
        return unknown("float")
    spatial = _spatial(apply, shape[-rank:], kernel)
    return Facts((*shape[: -rank - 1], outputs if outputs is not None else fresh("channels"), *spatial))


def _spatial(apply: Apply, sizes: Shape, kernel: list[Dim | None]) -> list[Dim]:
    rank = len(sizes)
    stride, dilation = per_axis(apply["stride"], rank), per_axis(apply["dilation"], rank)
    mode = apply.text("padding")
    if mode == "same":
        return list(sizes)
    padding = [0] * rank if mode == "valid" else per_axis(apply["padding"], rank)
    return [
        window_output(apply, size, kernel=k, stride=s, padding=p, dilation=d)
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]


def _transposed(apply: Apply, rank: int, channels: Dim | None, outputs: Dim | None, kernel: list[Dim | None]) -> Facts:
    shape = spatial_input(apply, rank)
    if shape is None:
        return unknown("float")
    if not check_channels(apply, shape, -rank - 1, channels):
        return unknown("float")
    spatial = _requested(apply, rank) or _grown(apply, shape[-rank:], kernel)
    return Facts((*shape[: -rank - 1], outputs if outputs is not None else fresh("channels"), *spatial))


def _requested(apply: Apply, rank: int) -> list[Dim] | None:
    """What `output_size` asks for."""
    wanted = items(apply["output_size"])
    if wanted is None:
        return None if apply["output_size"] is None else [fresh("size") for _ in range(rank)]
    sizes = [to_dim(v) for v in wanted[-rank:]]
    return [fresh("size") if s is None else s for s in sizes] if len(sizes) == rank else None


def _grown(apply: Apply, sizes: Shape, kernel: list[Dim | None]) -> list[Dim]:
    """(size - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1, the formula of torch.nn.ConvTranspose2d."""
    rank = len(sizes)
    arguments = [per_axis(apply[n], rank) for n in ("stride", "padding", "dilation", "output_padding")]
    result: list[Dim] = []
    for size, k, s, p, d, extra in zip(sizes, kernel, *arguments, strict=True):
        if k is None or s is None or p is None or d is None or extra is None:
            result.append(fresh("size"))
            continue
        reach = dims.add(dims.mul(d, dims.sub(k, 1)), dims.add(extra, 1))
        out = dims.add(dims.sub(dims.mul(dims.sub(size, 1), s), dims.mul(p, 2)), reach)
        if isinstance(out, int) and out <= 0:
            apply.conflict("size", output=out, size=size)
            out = fresh("size")
        result.append(out)
    return result


_INIT = "stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None"
_INIT_TRANSPOSED = "stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None"


def _grouped(channels: Dim, apply: Apply) -> Dim | None:
    groups = apply.dim("groups")
    return None if groups is None else dims.mul(channels, groups)


def _register(rank: int) -> None:
    @REGISTRY.layer(
        f"Conv{rank}d", f"in_channels, out_channels, kernel_size, {_INIT}", name=f"conv{rank}d", stateful=True
    )
    @REGISTRY.layer(f"LazyConv{rank}d", f"out_channels, kernel_size, {_INIT}", name=f"conv{rank}d", stateful=True)
    def conv(apply: Apply) -> Facts:
        kernel = per_axis(apply["kernel_size"], rank)
        return _convolved(apply, rank, apply.dim("in_channels"), apply.dim("out_channels"), kernel)

    @REGISTRY.layer(
        f"ConvTranspose{rank}d",
        f"in_channels, out_channels, kernel_size, {_INIT_TRANSPOSED}",
        "input, output_size=None",
        name=f"conv_transpose{rank}d",
        stateful=True,
    )
    @REGISTRY.layer(
        f"LazyConvTranspose{rank}d",
        f"out_channels, kernel_size, {_INIT_TRANSPOSED}",
        "input, output_size=None",
        name=f"conv_transpose{rank}d",
        stateful=True,
    )
    def conv_transpose(apply: Apply) -> Facts:
        kernel = per_axis(apply["kernel_size"], rank)
        return _transposed(apply, rank, apply.dim("in_channels"), apply.dim("out_channels"), kernel)

    @REGISTRY.operation(
        f"conv{rank}d",
        "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1",
        functions=f"nn.functional.conv{rank}d conv{rank}d",
    )
    def functional(apply: Apply) -> Facts:
        weight = apply.tensor("weight").shape
        if weight is None or len(weight) != rank + 2:
            return unknown("float")
        return _convolved(apply, rank, _grouped(weight[1], apply), weight[0], list(weight[2:]))

    @REGISTRY.operation(
        f"conv_transpose{rank}d",
        "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1",
        functions=f"nn.functional.conv_transpose{rank}d conv_transpose{rank}d",
    )
    def functional_transposed(apply: Apply) -> Facts:
        weight = apply.tensor("weight").shape
        if weight is None or len(weight) != rank + 2:
            return unknown("float")
        return _transposed(apply, rank, weight[0], _grouped(weight[1], apply), list(weight[2:]))


for _rank in (1, 2, 3):
    _register(_rank)
