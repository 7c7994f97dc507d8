"""Strategies for steps: calls of torch with mostly legal and sometimes illegal parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from tests.semantics.operators.worlds import Made, Ref, SizeOf, Step, World

Draw = Callable[[st.SearchStrategy[Any]], Any]


def pick(draw: Draw, world: World) -> int:
    return draw(st.integers(0, len(world.tensors) - 1))


def near(draw: Draw, value: int) -> int:
    """Mostly the value itself, sometimes another one."""
    return draw(st.sampled_from([value] * 7 + [value + 1, max(value - 1, 1), 2 * value]))


def axis(draw: Draw, rank: int, *, extra: int = 0) -> int:
    reach = rank + extra
    return draw(
        st.integers(-reach - (reach == 0), max(reach - 1, 0)) if draw(st.integers(0, 9)) else st.integers(-6, 6)
    )


def new(draw: Draw, world: World, shape: tuple[int, ...], kind: str = "float") -> Ref:
    """A tensor of a given shape and known range, described concretely."""
    from tests.semantics.operators.tensors import described

    tensor, sym = described(draw, world, shape, kind=kind, forms=("concrete",))
    world.add(tensor, sym)
    return Ref(len(world.tensors) - 1)


UNARY = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "square",
    "abs",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "erf",
    "erfc",
    "floor",
    "ceil",
    "trunc",
    "round",
    "frac",
    "sign",
    "neg",
    "isnan",
    "isfinite",
    "logical_not",
    "sigmoid",
    "tanh",
    "relu",
    "sinc",
    "erfinv",
    "lgamma",
]
ACTIVATIONS = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "logsigmoid",
    "tanhshrink",
    "softshrink",
    "hardshrink",
    "sigmoid",
    "tanh",
]
LAYERS = [
    "ReLU",
    "ReLU6",
    "ELU",
    "SELU",
    "CELU",
    "LeakyReLU",
    "GELU",
    "SiLU",
    "Mish",
    "Softplus",
    "Softsign",
    "Hardtanh",
    "Hardsigmoid",
    "Hardswish",
    "LogSigmoid",
    "Tanhshrink",
    "Softshrink",
    "Hardshrink",
    "Sigmoid",
    "Tanh",
    "PReLU",
    "RReLU",
    "Identity",
    "Flatten",
    "Dropout",
    "AlphaDropout",
    "GLU",
    "Softmax2d",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "maximum",
    "minimum",
    "floor_divide",
    "remainder",
    "fmod",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "logical_and",
    "logaddexp",
    "xlogy",
    "atan2",
    "true_divide",
    "rsub",
]


def elementwise(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    match draw(st.integers(0, 8)):
        case 0 | 1:
            return Step(draw(st.sampled_from(UNARY)), (Ref(i),))
        case 2:
            return Step("nn.functional." + draw(st.sampled_from(ACTIVATIONS)), (Ref(i),))
        case 3:
            return Step("", (Ref(i),), made=Made("nn." + draw(st.sampled_from(LAYERS))))
        case 4:
            low, high = sorted(draw(st.tuples(st.floats(-3, 3), st.floats(-3, 3))))
            choice = draw(st.integers(0, 3))
            kwargs: dict[str, Any] = [
                {"min": low},
                {"max": high},
                {"min": low, "max": high},
                {"min": low, "max": high},
            ][choice]
            if choice == 3:
                return Step("", (Ref(i),), made=Made("nn.Hardtanh", (), {"min_val": low, "max_val": high}))
            return Step("clamp", (Ref(i),), kwargs)
        case 5:
            return Step("pow", (Ref(i), draw(st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2, 2.5, 3]))))
        case 6:
            p = draw(st.sampled_from([0.0, 0.3, 0.5]))
            return Step("nn.functional.dropout", (Ref(i), p), {"training": draw(st.booleans())})
        case 7:
            names = ["softmax", "log_softmax"]
            return Step(draw(st.sampled_from(names)), (Ref(i),), {"dim": axis(draw, world.tensors[i].dim())})
        case _:
            slope = draw(st.sampled_from([-0.5, 0.0, 0.2, 1.5]))
            return Step("", (Ref(i),), made=Made("nn.LeakyReLU", (slope,)))


def _partner(draw: Draw, world: World, i: int) -> Any:
    shape = tuple(world.tensors[i].shape)
    match draw(st.integers(0, 4)):
        case 0:
            return draw(st.sampled_from([0, 1, 2, -1, 0.5, -2.0, 3.5, True]))
        case 1:
            return Ref(pick(draw, world))
        case 2:
            return Ref(i)
        case _:
            cut = draw(st.integers(0, len(shape)))
            sizes = tuple(draw(st.sampled_from([d, d, d, 1, d + 1])) for d in shape[cut:])
            return new(draw, world, sizes, draw(st.sampled_from(["float", "float", "int", "bool"])))


def binary(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    other = _partner(draw, world, i)
    match draw(st.integers(0, 7)):
        case 0:
            return Step("where", (new(draw, world, tuple(world.tensors[i].shape), "bool"), Ref(i), other))
        case 1:
            return Step("lerp", (Ref(i), other, draw(st.sampled_from([0.0, 0.3, 1.0, 2.0]))))
        case 2:
            return Step("addcmul", (Ref(i), other, Ref(i)), {"value": draw(st.sampled_from([1, -2, 0.5]))})
        case 3:
            mask = new(draw, world, tuple(world.tensors[i].shape), "bool")
            return Step("masked_fill", (Ref(i), mask, draw(st.sampled_from([0.0, -5.0, float("-inf")]))))
        case _:
            return Step(draw(st.sampled_from(BINARY)), (Ref(i), other))


def linear(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    last = shape[-1] if shape else 3
    out = draw(st.integers(1, 6))
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            return Step("", (Ref(i),), made=Made("nn.Linear", (near(draw, last), out)))
        case 3:
            return Step("nn.functional.linear", (Ref(i), new(draw, world, (out, near(draw, last)))))
        case 4 | 5:
            lead = draw(st.sampled_from([(), (), shape[:-2], (2,)]))
            return Step("matmul", (Ref(i), new(draw, world, (*lead, near(draw, last), out))))
        case 6:
            inner = (shape[0], near(draw, last), out) if len(shape) == 3 else (near(draw, last), out)
            return Step("bmm" if len(shape) == 3 else "mm", (Ref(i), new(draw, world, inner)))
        case 7:
            count = len(shape)
            letters = "abcdef"[:count]
            equation = f"{letters},{letters[-1:]}z->{letters[:-1]}z" if count else ",az->az"
            return Step("einsum", (equation, Ref(i), new(draw, world, (near(draw, last), out))))
        case 8:
            return Step("cdist", (Ref(i), new(draw, world, (out, near(draw, last)))))
        case _:
            index = new(draw, world, shape, "index")
            return Step("", (index,), made=Made("nn.Embedding", (12, out)))


def _window(draw: Draw, rank: int, low: int, high: int) -> Any:
    if draw(st.booleans()):
        return draw(st.integers(low, high))
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


def _spatial(draw: Draw, world: World) -> tuple[int, int, int]:
    """A tensor with room for spatial axes, made if there is none; the number of those, and its channels."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    fits = [i for i, t in enumerate(world.tensors) if t.dim() in {rank + 1, rank + 2} and t.is_floating_point()]
    if fits:
        i = draw(st.sampled_from(fits))
    elif draw(st.integers(0, 5)) == 0:
        i = pick(draw, world)
    else:
        sizes = tuple(draw(st.integers(1, 7)) for _ in range(rank + 2))
        i = new(draw, world, sizes).index
    shape = world.tensors[i].shape
    channels = shape[-rank - 1] if len(shape) > rank else 3
    return i, rank, channels


def convolution(draw: Draw, world: World) -> Step:
    i, rank, channels = _spatial(draw, world)
    groups = draw(st.sampled_from([1, 1, 1, channels]))
    out = draw(st.integers(1, 3)) * groups
    kwargs: dict[str, Any] = {
        "stride": _window(draw, rank, 1, 3),
        "padding": _window(draw, rank, 0, 2),
        "dilation": _window(draw, rank, 1, 2),
        "groups": groups,
    }
    kernel = _window(draw, rank, 1, 4)
    kind = draw(st.integers(0, 3))
    if kind >= 2:
        kwargs["output_padding"] = _window(draw, rank, 0, 1)
    elif draw(st.integers(0, 5)) == 0:
        kwargs["padding"] = draw(st.sampled_from(["same", "valid"]))
        kwargs["stride"] = 1
    name = f"nn.Conv{rank}d" if kind < 2 else f"nn.ConvTranspose{rank}d"
    if kind in {1, 3}:
        window = (kernel,) * rank if isinstance(kernel, int) else kernel
        sizes = (out, max(near(draw, channels) // groups, 1)) if kind == 1 else (near(draw, channels), out // groups)
        weight = new(draw, world, (*sizes, *window))
        function = f"nn.functional.conv{rank}d" if kind == 1 else f"nn.functional.conv_transpose{rank}d"
        return Step(function, (Ref(i), weight), kwargs, batched_rank=rank + 2)
    return Step("", (Ref(i),), made=Made(name, (near(draw, channels), out, kernel), kwargs), batched_rank=rank + 2)


def pooling(draw: Draw, world: World) -> Step:
    i, rank, _ = _spatial(draw, world)
    kernel, stride = _window(draw, rank, 1, 3), draw(st.sampled_from([None, 1, 2, 3]))
    padding, ceil = draw(st.sampled_from([0, 0, 1])), draw(st.booleans())
    where = {"batched_rank": rank + 2}
    match draw(st.integers(0, 4)):
        case 0:
            made = Made(
                f"nn.MaxPool{rank}d",
                (kernel, stride, padding),
                {"ceil_mode": ceil, "return_indices": draw(st.booleans())},
            )
        case 1:
            made = Made(f"nn.AvgPool{rank}d", (kernel, stride, padding), {"ceil_mode": ceil})
        case 2:
            name = draw(st.sampled_from([f"avg_pool{rank}d", f"max_pool{rank}d"]))
            return Step(f"nn.functional.{name}", (Ref(i), kernel), {"stride": stride, "padding": padding}, **where)
        case 3:
            size = draw(st.sampled_from([1, 2, (None,) * rank, (3,) * rank]))
            made = Made(f"nn.Adaptive{draw(st.sampled_from(['Avg', 'Max']))}Pool{rank}d", (size,))
        case _:
            made = Made(f"nn.LPPool{rank}d", (2, kernel, stride)) if rank < 3 else Made("nn.AdaptiveAvgPool3d", (1,))
    return Step("", (Ref(i),), made=made, **where)


def resampling(draw: Draw, world: World) -> Step:
    i, rank, channels = _spatial(draw, world)
    match draw(st.integers(0, 7)):
        case 0:
            factor = draw(st.sampled_from([2, 3, 1.5, 0.5, 2.0]))
            return Step("", (Ref(i),), made=Made("nn.Upsample", (), {"scale_factor": factor}))
        case 1:
            size = draw(st.sampled_from([4, (5,) * rank]))
            mode = draw(st.sampled_from(["nearest", "bilinear", "bicubic", "linear"]))
            return Step("nn.functional.interpolate", (Ref(i), size), {"mode": mode})
        case 2:
            return Step("", (Ref(i),), made=Made("nn.PixelShuffle", (draw(st.sampled_from([1, 2, 2, 3])),)))
        case 3:
            return Step("", (Ref(i),), made=Made("nn.PixelUnshuffle", (draw(st.sampled_from([1, 2, 3])),)))
        case 4:
            pads = tuple(draw(st.integers(-1, 2)) for _ in range(2 * draw(st.integers(1, 2))))
            mode = draw(st.sampled_from(["constant", "constant", "reflect", "replicate"]))
            return Step("nn.functional.pad", (Ref(i), pads), {"mode": mode})
        case 5:
            kind = draw(st.sampled_from(["ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad"]))
            return Step("", (Ref(i),), made=Made(f"nn.{kind}{rank}d", (_window(draw, 2 * rank, 0, 2),)))
        case 6:
            kernel = _window(draw, 2, 1, 3)
            return Step(
                "nn.functional.unfold",
                (Ref(i), kernel),
                {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 1))},
            )
        case _:
            kernel = draw(st.sampled_from([1, 2, 3]))
            columns = new(draw, world, (2, channels * kernel * kernel, near(draw, (4 // kernel) ** 2)))
            return Step("nn.functional.fold", (columns, 4, kernel), {"stride": kernel})


def normalization(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    channels = shape[1] if len(shape) > 1 else 3
    match draw(st.integers(0, 5)):
        case 0 | 1:
            rank = draw(st.sampled_from([max(len(shape) - 2, 1)] * 5 + [1, 2, 3]))
            kind = draw(st.sampled_from(["BatchNorm", "BatchNorm", "InstanceNorm"]))
            rank = min(rank, 3)
            made = Made(f"nn.{kind}{rank}d", (near(draw, channels),), {"affine": draw(st.booleans())})
            return Step("", (Ref(i),), made=made, batched_rank=rank + 2)
        case 2:
            made = Made("nn.GroupNorm", (draw(st.sampled_from([1, 1, 2])), near(draw, channels)))
            return Step("", (Ref(i),), made=made)
        case 3:
            cut = draw(st.integers(0, max(len(shape) - 1, 0)))
            sizes = tuple(near(draw, d) for d in shape[cut:]) or (2,)
            return Step("", (Ref(i),), made=Made(f"nn.{draw(st.sampled_from(['LayerNorm', 'RMSNorm']))}", (sizes,)))
        case 4:
            return Step("nn.functional.layer_norm", (Ref(i), [near(draw, shape[-1] if shape else 2)]))
        case _:
            return Step(
                "nn.functional.normalize",
                (Ref(i),),
                {"dim": axis(draw, len(shape)), "p": draw(st.sampled_from([1.0, 2.0]))},
            )


def recurrent(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    kind = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    size, hidden = near(draw, shape[-1] if shape else 2), draw(st.integers(2, 4))
    if draw(st.integers(0, 3)) == 0:
        return Step("", (Ref(i),), made=Made(f"nn.{kind}Cell", (size, hidden)))
    kwargs: dict[str, Any] = {
        "num_layers": draw(st.integers(1, 2)),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if kind == "LSTM" and draw(st.booleans()):
        kwargs["proj_size"] = 1
    if kind == "RNN":
        kwargs["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    return Step("", (Ref(i),), made=Made(f"nn.{kind}", (size, hidden), kwargs), batched_rank=3)


def attention(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    width = near(draw, shape[-1] if shape else 2)
    match draw(st.integers(0, 2)):
        case 0:
            made = Made("nn.MultiheadAttention", (width, 1), {"batch_first": draw(st.booleans())})
            return Step("", (Ref(i), Ref(i), Ref(i)), {"need_weights": draw(st.booleans())}, made=made)
        case 1:
            made = Made("nn.TransformerEncoderLayer", (width, 1, 4), {"batch_first": draw(st.booleans())})
            return Step("", (Ref(i),), made=made)
        case _:
            return Step("nn.functional.scaled_dot_product_attention", (Ref(i), Ref(i), Ref(i)))


def _sizes(draw: Draw, i: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A target for view: merge, split or permute axes, by number or by `x.size(i)`, one of them perhaps -1."""
    sizes: list[Any] = [SizeOf(i, k) if draw(st.booleans()) else d for k, d in enumerate(shape)]
    for _ in range(draw(st.integers(0, 2))):
        if len(sizes) > 1:
            k = draw(st.integers(0, len(sizes) - 2))
            pair = [shape[s.axis] if isinstance(s, SizeOf) else s for s in sizes[k : k + 2]]
            sizes[k : k + 2] = [pair[0] * pair[1]]
    if sizes and draw(st.integers(0, 4)) == 0:
        sizes.insert(draw(st.integers(0, len(sizes))), draw(st.sampled_from([1, 1, 2])))
    if len(sizes) > 1 and draw(st.integers(0, 4)) == 0:
        sizes = draw(st.permutations(sizes))
    if sizes and draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return tuple(sizes)


def shapes(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    x = world.tensors[i]
    shape, rank = tuple(x.shape), x.dim()
    match draw(st.integers(0, 15)):
        case 0 | 1 | 2:
            return Step(draw(st.sampled_from(["view", "reshape"])), (Ref(i), *_sizes(draw, i, shape)), method=True)
        case 3:
            return Step("flatten", (Ref(i), axis(draw, rank), axis(draw, rank)))
        case 4:
            k = axis(draw, rank)
            size = shape[k] if -rank <= k < rank else 4
            parts = draw(st.sampled_from([(size, 1), (-1, 1), (1, near(draw, size)), (2, -1), (-1, size)]))
            if draw(st.booleans()):
                return Step("", (Ref(i),), made=Made("nn.Unflatten", (k, parts)))
            return Step("unflatten", (Ref(i), k, parts), method=True)
        case 5:
            order = draw(st.permutations(range(rank)))
            order = order[:-1] if draw(st.integers(0, 9)) == 0 else order
            return Step("permute", (Ref(i), *order), method=True)
        case 6:
            return Step(draw(st.sampled_from(["transpose", "swapaxes"])), (Ref(i), axis(draw, rank), axis(draw, rank)))
        case 7:
            return Step("squeeze", (Ref(i), axis(draw, rank)) if draw(st.booleans()) else (Ref(i),))
        case 8:
            return Step("unsqueeze", (Ref(i), axis(draw, rank, extra=1)))
        case 9:
            lead = draw(st.sampled_from([(), (2,)]))
            sizes = tuple(draw(st.sampled_from([d, -1, 3])) for d in shape)
            return Step("expand", (Ref(i), *lead, *sizes), method=True)
        case 10:
            counts = tuple(draw(st.integers(1, 2)) for _ in range(max(rank + draw(st.sampled_from([0, 0, 1, -1])), 0)))
            return Step(draw(st.sampled_from(["repeat", "tile"])), (Ref(i), *counts), method=True)
        case 11:
            return Step(
                "repeat_interleave",
                (Ref(i), draw(st.integers(1, 3))),
                {"dim": draw(st.sampled_from([None, axis(draw, rank)]))},
            )
        case 12:
            return Step("movedim", (Ref(i), axis(draw, rank), axis(draw, rank)))
        case 13:
            return Step(
                draw(
                    st.sampled_from(
                        ["t", "tril", "triu", "clone", "detach", "contiguous", "float", "long", "bool", "ravel"]
                    )
                ),
                (Ref(i),),
                method=True,
            )
        case 14:
            return Step("view_as", (Ref(i), Ref(pick(draw, world))), method=True)
        case _:
            return Step(draw(st.sampled_from(["flip", "roll"])), (Ref(i), 0 if rank else 1))


def joining(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    rank = len(shape)
    k = axis(draw, rank)
    size = shape[k] if -rank <= k < rank else 2
    match draw(st.integers(0, 10)):
        case 0 | 1:
            other = list(shape)
            if -rank <= k < rank:
                other[k] = draw(st.integers(1, 3))
            other = [near(draw, d) for d in other] if draw(st.integers(0, 5)) == 0 else other
            return Step(
                "cat",
                (
                    (Ref(i), new(draw, world, tuple(other)), Ref(pick(draw, world)))[
                        : draw(st.sampled_from([2, 2, 3]))
                    ],
                    k,
                ),
            )
        case 2:
            return Step(
                "stack", ((Ref(i), new(draw, world, tuple(near(draw, d) for d in shape))), axis(draw, rank, extra=1))
            )
        case 3:
            return Step("chunk", (Ref(i), draw(st.integers(1, 3)), k))
        case 4:
            cut = draw(st.integers(0, size))
            sections = draw(st.sampled_from([[cut, size - cut], [size], 1, 2, [1, 1]]))
            return Step("split", (Ref(i), sections), {"dim": k})
        case 5:
            return Step("unbind", (Ref(i), k))
        case 6:
            return Step("index_select", (Ref(i), k, new(draw, world, (draw(st.integers(1, 3)),), "zero")))
        case 7:
            return Step("gather", (Ref(i), k, new(draw, world, shape, "zero")))
        case 8:
            return Step("narrow", (Ref(i), k, 0, draw(st.integers(1, max(size, 1)))))
        case 9:
            return Step("select", (Ref(i), k, draw(st.sampled_from([0, -1]))))
        case _:
            return Step("masked_select", (Ref(i), new(draw, world, shape, "bool")))


def indexing(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    parts: list[Any] = []
    for k in range(draw(st.integers(0, len(shape) + (draw(st.integers(0, 5)) == 0)))):
        size = shape[k] if k < len(shape) else 2
        bound = st.one_of(st.none(), st.integers(-size, size), st.just(SizeOf(i, k) if k < len(shape) else 1))
        step = st.sampled_from([None, None, 1, 2])
        whole = st.builds(slice, bound, bound, step)
        choice = draw(st.integers(0, 9))
        if choice == 8:
            parts.append([0])
        elif choice == 9:
            parts.append(new(draw, world, (2,), "zero"))
        else:
            parts.append(draw(st.one_of(st.integers(-size, max(size - 1, 0)), whole, whole)))
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis)
    if draw(st.integers(0, 7)) == 0:
        return Step("__getitem__", (Ref(i), new(draw, world, shape[: draw(st.integers(1, 2))], "bool")), method=True)
    index = parts[0] if len(parts) == 1 else tuple(parts)
    return Step("__getitem__", (Ref(i), index), method=True)


REDUCTIONS = [
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "all",
    "any",
    "argmax",
    "argmin",
    "logsumexp",
    "std",
    "var",
    "norm",
]


def reductions(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    rank = world.tensors[i].dim()
    one = axis(draw, rank)
    match draw(st.integers(0, 6)):
        case 0 | 1 | 2:
            name = draw(st.sampled_from(REDUCTIONS))
            dim = draw(st.sampled_from([one, one, (one,), tuple(range(min(rank, 2)))]))
            kwargs = {"dim": dim, "keepdim": draw(st.booleans())}
            plain = draw(st.integers(0, 3)) == 0 and name != "logsumexp"
            return Step(name, (Ref(i),), {} if plain else kwargs)
        case 3:
            return Step(draw(st.sampled_from(["max", "min", "median"])), (Ref(i), one, draw(st.booleans())))
        case 4:
            return Step(
                draw(st.sampled_from(["cumsum", "cumprod", "sort", "argsort", "cummax", "diff"])),
                (Ref(i),),
                {"dim": one},
            )
        case 5:
            return Step("topk", (Ref(i), draw(st.integers(1, 3))), {"dim": one})
        case _:
            return Step(draw(st.sampled_from(["max", "min", "median", "sum", "unique"])), (Ref(i),))


def makers(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    rank = world.tensors[i].dim()
    size = tuple(SizeOf(i, k) if draw(st.booleans()) else draw(st.integers(1, 4)) for k in range(rank))
    match draw(st.integers(0, 8)):
        case 0 | 1:
            name = draw(st.sampled_from(["rand", "randn", "zeros", "ones"]))
            return Step(name, size if draw(st.booleans()) else (size,))
        case 2:
            return Step(draw(st.sampled_from(["rand_like", "randn_like", "zeros_like", "ones_like"])), (Ref(i),))
        case 3:
            return Step("full", (size, draw(st.sampled_from([1, 2.5, True]))))
        case 4:
            return Step("randint", (draw(st.integers(-2, 0)), draw(st.integers(1, 9)), size))
        case 5:
            return Step("arange", draw(st.sampled_from([(5,), (2, 9, 2), (0, 1, 0.3), (3, 0, -1), (4.0,)])))
        case 6:
            return Step("eye", draw(st.sampled_from([(3,), (2, 4)])))
        case 7:
            return Step("linspace", (-1, 2, draw(st.integers(1, 5))))
        case _:
            return Step(draw(st.sampled_from(["new_zeros", "new_ones"])), (Ref(i), *size), method=True)


FAMILIES = {
    "Normal": 2,
    "Laplace": 2,
    "LogNormal": 2,
    "Bernoulli": 1,
    "Categorical": 1,
    "Exponential": 1,
    "OneHotCategorical": 1,
    "Uniform": 2,
    "Dirichlet": 1,
}


def distributions(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    name = draw(st.sampled_from(sorted(FAMILIES)))
    lead = draw(st.sampled_from([shape, shape[1:], (1,) * len(shape)]))
    first, second = new(draw, world, shape, "positive"), new(draw, world, lead, "above")
    args = (first, second)[: FAMILIES[name]]
    if name in {"Bernoulli", "Categorical", "OneHotCategorical"}:
        made = Made(f"distributions.{name}", (), {"logits": Ref(i)})
    else:
        made = Made(f"distributions.{name}", args)
    if draw(st.integers(0, 3)) == 0:
        made = Made("distributions.Independent", (made, draw(st.integers(0, 2))))
    match draw(st.integers(0, 4)):
        case 0 | 1:
            return Step(
                draw(st.sampled_from(["sample", "rsample"])), draw(st.sampled_from([(), ((),), ((2,),)])), made=made
            )
        case 2:
            return Step("log_prob", (new(draw, world, shape, draw(st.sampled_from(["unit", "zero"]))),), made=made)
        case 3:
            return Step("distributions.kl_divergence", (made, made))
        case _:
            return Step(draw(st.sampled_from(["entropy", "mean", "stddev", "variance"])), (), made=made)


LOSSES = {
    "mse_loss": "MSELoss", "l1_loss": "L1Loss", "smooth_l1_loss": "SmoothL1Loss", "huber_loss": "HuberLoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss", "binary_cross_entropy": "BCELoss", "kl_div": "KLDivLoss",
    "poisson_nll_loss": "PoissonNLLLoss", "soft_margin_loss": "SoftMarginLoss",
}  # fmt: skip


def losses(draw: Draw, world: World) -> Step:
    i = pick(draw, world)
    shape = tuple(world.tensors[i].shape)
    reduction = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    match draw(st.integers(0, 6)):
        case 0 if shape:
            sizes = (shape[0], *shape[2:]) if len(shape) > 1 else ()
            wrong = draw(st.integers(0, 5)) == 0
            target = new(draw, world, (*sizes, 1) if wrong else sizes, "zero")
            return Step("nn.functional.cross_entropy", (Ref(i), target), reduction)
        case 1 if shape:
            target = new(draw, world, tuple(draw(st.sampled_from([shape, shape[:-1]]))), "unit")
            return Step("", (Ref(i), target), made=Made("nn.CrossEntropyLoss", (), reduction))
        case 2:
            return Step(
                "nn.functional.cosine_similarity", (Ref(i), new(draw, world, shape)), {"dim": axis(draw, len(shape))}
            )
        case 3:
            return Step(
                "nn.functional.gaussian_nll_loss",
                (Ref(i), new(draw, world, shape), new(draw, world, shape, "positive")),
                reduction,
            )
        case _:
            name = draw(st.sampled_from(sorted(LOSSES)))
            other = draw(st.sampled_from([shape, shape, shape, shape[:-1], (*shape, 1), shape[1:]]))
            target = new(draw, world, tuple(other), draw(st.sampled_from(["unit", "float"])))
            if draw(st.booleans()):
                return Step("", (Ref(i), target), made=Made(f"nn.{LOSSES[name]}", (), reduction))
            return Step(f"nn.functional.{name}", (Ref(i), target), reduction)


AREAS = (
    elementwise, binary, linear, convolution, pooling, resampling, normalization, recurrent, attention, shapes, joining,
    indexing, reductions, makers, distributions, losses,
)  # fmt: skip

LARGEST = 20_000


def manageable(world: World) -> bool:
    """Whether the tensors are small enough for thousands of programs, and hold something: sizes are taken to be above 0."""
    return all(0 < t.numel() <= LARGEST and t.dim() <= 6 and not torch.is_complex(t) for t in world.tensors)
