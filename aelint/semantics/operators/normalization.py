"""Normalisation layers: they keep the shape and insist on channels or features."""

from __future__ import annotations

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, to_dims, unknown
from aelint.semantics.operators.axes import batched, differ, trailing
from aelint.semantics.operators.convolution import check_channels
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []


def _kept(apply: Apply, shape: Shape | None) -> Facts:
    x = apply.tensor()
    return Facts(x.shape if shape is None else shape, x.last if shape is None else (), ANY)


def _by_channel(apply: Apply, ranks: tuple[int, ...], channel: int, expected: Dim | None) -> Facts:
    shape = batched(apply["input"], ranks[-1]) if len(ranks) == 1 else apply.tensor().shape
    if shape is None:
        return _kept(apply, None)
    if len(shape) not in ranks:
        apply.conflict("rank", expected=ranks, shape=shape)
        return _kept(apply, shape)
    axis = len(shape) + channel if channel < 0 else channel
    check_channels(apply, shape, axis, expected)
    return _kept(apply, shape)


_NORM = "eps=1e-05, momentum=0.1, affine={affine}, track_running_stats={track}, device=None, dtype=None"


def _register(dimensions: int) -> None:
    ranks = {1: (2, 3), 2: (4,), 3: (5,)}[dimensions]
    batch, instance = _NORM.format(affine=True, track=True), _NORM.format(affine=False, track=False)

    @REGISTRY.layer(f"BatchNorm{dimensions}d", f"num_features, {batch}", name="batch_norm", stateful=True)
    @REGISTRY.layer(f"LazyBatchNorm{dimensions}d", batch, name="batch_norm", stateful=True)
    def batch_norm(apply: Apply) -> Facts:
        return _by_channel(apply, ranks, 1, apply.dim("num_features"))

    @REGISTRY.layer(f"InstanceNorm{dimensions}d", f"num_features, {instance}", name="instance_norm", stateful=True)
    @REGISTRY.layer(f"LazyInstanceNorm{dimensions}d", batch, name="instance_norm", stateful=True)
    def instance_norm(apply: Apply) -> Facts:
        # Without parameters a wrong number of channels only draws a warning.
        expected = apply.dim("num_features") if apply["affine"] is True else None
        return _by_channel(apply, (dimensions + 1, dimensions + 2), -dimensions - 1, expected)


for _dimensions in (1, 2, 3):
    _register(_dimensions)


@REGISTRY.layer(
    "SyncBatchNorm",
    "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, process_group=None, device=None, dtype=None",
    name="batch_norm",
    stateful=True,
)
def _sync_batch_norm(apply: Apply) -> Facts:
    shape = apply.tensor().shape
    if shape is not None and len(shape) > 1:
        check_channels(apply, shape, 1, apply.dim("num_features"))
    return _kept(apply, shape)


@REGISTRY.layer(
    "GroupNorm",
    "num_groups, num_channels, eps=1e-05, affine=True, device=None, dtype=None",
    name="group_norm",
    stateful=True,
)
def _group_norm(apply: Apply) -> Facts:
    shape = apply.tensor().shape
    if shape is not None and len(shape) > 1:
        # Without parameters only divisibility counts.
        expected = apply.dim("num_channels") if apply["affine"] is True else None
        if check_channels(apply, shape, 1, expected):
            _divisible(apply, shape)
    return _kept(apply, shape)


def _divisible(apply: Apply, shape: Shape) -> None:
    groups, channels = apply.int("num_groups"), shape[1]
    if groups and isinstance(channels, int) and channels % groups:
        apply.conflict("channels", expected=f"a multiple of {groups}", actual=channels, shape=shape, axis=1)


@REGISTRY.operation(
    "group_norm",
    "input, num_groups, weight=None, bias=None, eps=1e-05",
    functions="nn.functional.group_norm group_norm",
)
def _functional_group_norm(apply: Apply) -> Facts:
    shape = apply.tensor().shape
    if shape is not None and len(shape) > 1:
        _divisible(apply, shape)
    return _kept(apply, shape)


@REGISTRY.layer(
    "LayerNorm",
    "normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, device=None, dtype=None",
    name="layer_norm",
    stateful=True,
)
@REGISTRY.operation(
    "layer_norm",
    "input, normalized_shape, weight=None, bias=None, eps=1e-05",
    functions="nn.functional.layer_norm layer_norm",
)
@REGISTRY.layer(
    "RMSNorm",
    "normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None",
    name="rms_norm",
    stateful=True,
)
@REGISTRY.operation(
    "rms_norm", "input, normalized_shape, weight=None, eps=None", functions="nn.functional.rms_norm rms_norm"
)
def _layer_norm(apply: Apply) -> Facts:
    x, wanted = apply.tensor(), to_dims(apply["normalized_shape"])
    if wanted is None:
        return _kept(apply, None)
    if x.shape is not None and len(x.shape) < len(wanted):
        apply.conflict("rank", expected=(len(wanted), len(wanted) + 1), shape=x.shape)
        return unknown("float")
    for size, expected in zip(reversed(trailing(x)), reversed(wanted), strict=False):
        if expected is not None and differ(size, expected):
            apply.conflict("features", expected=expected, actual=size, shape=x.shape or (..., *x.last))
            break
    return _kept(apply, None)


@REGISTRY.operation(
    "batch_norm",
    "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05",
    functions="nn.functional.batch_norm",
)
@REGISTRY.operation(
    "instance_norm",
    "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-05",
    functions="nn.functional.instance_norm",
)
def _functional_norm(apply: Apply) -> Facts:
    x, mean = apply.tensor(), apply.tensor("running_mean")
    if x.shape is not None and len(x.shape) > 1 and mean.shape is not None and len(mean.shape) == 1:
        check_channels(apply, x.shape, 1, mean.shape[0])
    return _kept(apply, None)


@REGISTRY.layer("LocalResponseNorm", "size, alpha=0.0001, beta=0.75, k=1.0", name="local_response_norm")
@REGISTRY.operation(
    "local_response_norm", "input, size, alpha=0.0001, beta=0.75, k=1.0", functions="nn.functional.local_response_norm"
)
@REGISTRY.layer("CrossMapLRN2d", "size, alpha=0.0001, beta=0.75, k=1", name="local_response_norm")
def _local_response_norm(apply: Apply) -> Facts:
    return _kept(apply, None)
