"""Joining, splitting, repeating and moving tensors about."""

from __future__ import annotations

import math

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import External, ListValue, Shape, Sym, Value
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh, to_dim, to_int, unknown
from aelint.semantics.operators.arithmetic import promote
from aelint.semantics.operators.axes import axis_of, broadcast_dim, differ, items
from aelint.semantics.operators.random import kind_of_dtype
from aelint.semantics.operators.ranges import NONNEGATIVE, hull
from aelint.semantics.operators.shapes import spread, with_shape
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []


def _joined(parts: tuple[Value, ...]) -> tuple[list[Facts], Interval, str | None]:
    facts = [facts_of(p) for p in parts]
    return facts, hull(f.range for f in facts), promote(*parts) if parts else None


@REGISTRY.operation("cat", "tensors, dim=0", functions="cat concat concatenate")
def _cat(apply: Apply) -> Facts:
    parts = items(apply["tensors"])
    if not parts:
        return unknown()
    facts, bounds, kind = _joined(parts)
    shapes = [f.shape for f in facts if f.shape is not None and f.shape != (0,)]
    axis = to_int(apply["dim"])
    if axis is None or not shapes:
        return unknown(kind, bounds)
    place = axis_of(apply, axis, len(shapes[0]), shapes[0], scalar=False)
    if place is None or not _agree(apply, shapes, place):
        return unknown(kind, bounds)
    if len(shapes) < len(facts):
        # All have the rank of the one that is known, and its sizes but along the joined axis.
        known = (*shapes[0][:place], fresh("cat", batch=place == 0), *shapes[0][place + 1 :])
        return Facts(known, (), bounds, kind)
    total: Dim = 0
    for shape in shapes:
        total = dims.add(total, shape[place])
    return Facts((*_common(shapes)[:place], total, *_common(shapes)[place + 1 :]), (), bounds, kind)


def _agree(apply: Apply, shapes: list[Shape], place: int | None) -> bool:
    """Report shapes that differ elsewhere than along the joined axis."""
    first = shapes[0]
    for other in shapes[1:]:
        fits = len(other) == len(first) and not any(
            differ(a, b) for i, (a, b) in enumerate(zip(first, other, strict=True)) if i != place
        )
        if not fits:
            apply.conflict("concat", shapes=tuple(shapes), axis=place)
            return False
    return True


def _common(shapes: list[Shape]) -> Shape:
    """Of equal sizes, the ones that are numbers."""
    return tuple(next((d for d in column if isinstance(d, int)), column[0]) for column in zip(*shapes, strict=True))


@REGISTRY.operation("stack", "tensors, dim=0", functions="stack")
def _stack(apply: Apply) -> Facts:
    parts = items(apply["tensors"])
    if not parts:
        return unknown()
    facts, bounds, kind = _joined(parts)
    shapes = [f.shape for f in facts if f.shape is not None]
    if not shapes or not _agree(apply, shapes, None):
        return unknown(kind, bounds)
    place = axis_of(apply, apply["dim"], len(shapes[0]) + 1, shapes[0])
    if place is None:
        return unknown(kind, bounds)
    sizes = _common(shapes)
    return Facts((*sizes[:place], len(parts), *sizes[place:]), (), bounds, kind)


@REGISTRY.operation("hstack", "tensors", functions="hstack column_stack")
@REGISTRY.operation("vstack", "tensors", functions="vstack row_stack dstack")
def _stacked(apply: Apply) -> Facts:
    parts = items(apply["tensors"])
    if not parts:
        return unknown()
    facts, bounds, kind = _joined(parts)
    ranks = {None if f.shape is None else len(f.shape) for f in facts}
    if apply.name != "hstack" or ranks not in ({1}, {2}):
        return unknown(kind, bounds)
    inner = Apply("cat", {"tensors": parts, "dim": ranks.pop() - 1}, apply.site, apply.layer, apply.conflicts)  # type: ignore[operator]
    return _cat(inner)


def _axis_and_size(apply: Apply, x: Facts) -> tuple[int, Dim] | None:
    if x.shape is None:
        return None
    place = axis_of(apply, 0 if apply["dim"] is None else apply["dim"], len(x.shape), x.shape, scalar=False)
    return None if place is None else (place, x.shape[place])


def _piece(apply: Apply, place: int, size: Dim) -> Facts:
    shape = apply.tensor().shape or ()
    return with_shape(apply, (*shape[:place], size, *shape[place + 1 :]))


def _pieces(apply: Apply) -> Facts:
    """Some number of parts of a tensor, each of which depends on it."""
    x = apply.tensor()
    return Facts(None, (), x.range, x.kind, tensor=None)


@REGISTRY.operation("chunk", "input, chunks, dim=0", functions="chunk", methods="chunk")
def _chunk(apply: Apply) -> tuple[Facts, ...] | Value:
    x, count = apply.tensor(), apply.int("chunks")
    if count is None or not 0 < count <= 64:
        return _pieces(apply)
    found = _axis_and_size(apply, x)
    if found is None:
        last = dims.divide(x.last[-1], count) if apply.int("dim") == -1 and x.last else None
        one = with_shape(apply, None, (*x.last[:-1], last) if last is not None else ())
        return (one,) * count
    place, size = found
    if isinstance(size, int):
        step = max(-(-size // count), 1)
        return tuple(_piece(apply, place, min(step, size - i)) for i in range(0, size, step))
    each = dims.divide(size, count)
    return tuple(_piece(apply, place, each if each is not None else fresh("chunk")) for _ in range(count))


@REGISTRY.operation("split", "tensor, split_size_or_sections, dim=0", functions="split")
def _split_function(apply: Apply) -> tuple[Facts, ...] | Value:
    return _split(_renamed(apply, input=apply["tensor"], split_size=apply["split_size_or_sections"]))


@REGISTRY.operation("split", "input, split_size, dim=0", methods="split")
def _split(apply: Apply) -> tuple[Facts, ...] | Value:
    x = apply.tensor()
    found = _axis_and_size(apply, x)
    sections = items(apply["split_size"])
    if sections is not None:
        sizes = [fresh("split") if (d := to_dim(s)) is None else d for s in sections]
        if found is None:
            last = apply.int("dim") == -1
            return tuple(with_shape(apply, None, (d,) if last else ()) for d in sizes)
        return _sections(apply, found[0], found[1], sizes)
    step = apply.dim("split_size")
    if found is None or step is None or step == 0:
        return _pieces(apply)
    place, size = found
    count = dims.divide(size, step) or 0
    if isinstance(size, int) and isinstance(step, int) and step > 0 and size // step <= 64:
        return tuple(_piece(apply, place, min(step, size - i)) for i in range(0, size, step))
    return (
        tuple(_piece(apply, place, step) for _ in range(count))
        if isinstance(count, int) and 0 < count <= 64
        else _pieces(apply)
    )


def _sections(apply: Apply, place: int, size: Dim, sizes: list[Dim]) -> tuple[Facts, ...] | Value:
    total: Dim = 0
    for part in sizes:
        total = dims.add(total, part)
    if differ(total, size):
        apply.conflict("elements", shape=apply.tensor().shape, target=tuple(sizes), have=size, want=total)
        return _pieces(apply)
    return tuple(_piece(apply, place, d) for d in sizes)


def _renamed(apply: Apply, **args: Value) -> Apply:
    return Apply(apply.name, {**apply.args, **args}, apply.site, apply.layer, apply.conflicts)


@REGISTRY.operation(
    "tensor_split", "input, indices_or_sections, dim=0", functions="tensor_split", methods="tensor_split"
)
def _tensor_split(apply: Apply) -> Value:
    return _pieces(apply)


@REGISTRY.operation("unbind", "input, dim=0", functions="unbind", methods="unbind")
def _unbind(apply: Apply) -> tuple[Facts, ...] | Value:
    x = apply.tensor()
    found = _axis_and_size(apply, x)
    if found is None or x.shape is None:
        return _pieces(apply)
    place, size = found
    if not isinstance(size, int) or size > 64:
        return _pieces(apply)
    return tuple(with_shape(apply, (*x.shape[:place], *x.shape[place + 1 :])) for _ in range(size))


@REGISTRY.operation("expand", "input, *sizes", methods="expand")
@REGISTRY.operation("expand", "input, size", functions="broadcast_to", methods="broadcast_to")
def _expand(apply: Apply) -> Facts:
    parts = spread(apply["sizes"]) if "sizes" in apply.args else items(apply["size"])
    x = apply.tensor()
    if parts is None:
        return unknown(x.kind, x.range)
    sizes = [fresh("size") if (d := to_dim(p)) is None else d for p in parts]
    if x.shape is None:
        return with_shape(apply, tuple(fresh("size", batch=i == 0) if d == -1 else d for i, d in enumerate(sizes)))
    if len(sizes) < len(x.shape):
        apply.conflict("broadcast", a=x.shape, b=tuple(sizes))
        return unknown(x.kind, x.range)
    lead = len(sizes) - len(x.shape)
    for i, own in enumerate(x.shape, start=lead):
        if sizes[i] == -1:
            sizes[i] = own
        elif differ(own, sizes[i]) and differ(own, 1):
            apply.conflict("broadcast", a=x.shape, b=tuple(sizes))
            return unknown(x.kind, x.range)
    return with_shape(apply, tuple(sizes))


@REGISTRY.operation("expand", "input, other", methods="expand_as")
def _expand_as(apply: Apply) -> Facts:
    shape = apply.tensor("other").shape
    if shape is None:
        x = apply.tensor()
        return unknown(x.kind, x.range)
    return _expand(_renamed(apply, sizes=(shape,)))


@REGISTRY.operation("repeat", "input, *repeats", methods="repeat")
def _repeat(apply: Apply) -> Facts:
    x, parts = apply.tensor(), spread(apply["repeats"])
    if parts is None or x.shape is None:
        return unknown(x.kind, x.range)
    if len(parts) < len(x.shape):
        apply.conflict("rank", expected=(len(parts),), shape=x.shape)
        return unknown(x.kind, x.range)
    return with_shape(apply, _tiled(x.shape, parts))


def _tiled(shape: Shape, parts: tuple[Value, ...]) -> Shape:
    counts: list[Dim] = [fresh("repeats") if (d := to_dim(p)) is None else d for p in parts]
    width = max(len(counts), len(shape))
    shape = (1,) * (width - len(shape)) + shape
    counts = [*[1] * (width - len(counts)), *counts]
    return tuple(dims.mul(size, count) for size, count in zip(shape, counts, strict=True))


@REGISTRY.operation("tile", "input, *dims", functions="tile", methods="tile")
def _tile(apply: Apply) -> Facts:
    x, parts = apply.tensor(), spread(apply["dims"])
    return with_shape(apply, None if parts is None or x.shape is None else _tiled(x.shape, parts))


@REGISTRY.operation(
    "repeat_interleave", "input, repeats, dim=None", functions="repeat_interleave", methods="repeat_interleave"
)
def _repeat_interleave(apply: Apply) -> Facts:
    x, count = apply.tensor(), apply["repeats"]
    if x.shape is None or facts_of(count).tensor is not False:
        return unknown(x.kind, x.range)
    size = to_dim(count)
    repeats = fresh("repeats") if size is None else size
    if apply["dim"] is None:
        return with_shape(apply, (dims.mul(dims.product(x.shape), repeats),))
    place = axis_of(apply, apply["dim"], len(x.shape), x.shape)
    if place is None or not x.shape:
        return unknown(x.kind, x.range)
    return with_shape(apply, (*x.shape[:place], dims.mul(x.shape[place], repeats), *x.shape[place + 1 :]))


def _keep(apply: Apply) -> Facts:
    return apply.tensor() if apply.tensor().tensor is not False else Facts((), (), apply.tensor().range, None)


for _name, _params, _functions, _methods in (
    ("contiguous", "input, memory_format=None", "", "contiguous"),
    ("clone", "input, memory_format=None", "clone", "clone"),
    ("detach", "input", "detach", "detach"),
    ("data", "input", "", "data"),
    ("requires_grad", "input, requires_grad=True", "", "requires_grad"),
    ("retain_grad", "input", "", "retain_grad"),
    ("cpu", "input", "", "cpu"),
    ("cuda", "input, device=None, non_blocking=False", "", "cuda"),
    ("pin_memory", "input", "", "pin_memory"),
    ("share_memory", "input", "", "share_memory"),
    ("numpy", "input, force=False", "", "numpy"),
    ("flip", "input, *dims", "flip", "flip"),
    ("fliplr", "input", "fliplr flipud", "fliplr flipud"),
    ("roll", "input, shifts, dims=None", "roll", "roll"),
    ("resolve", "input", "", "resolve_conj resolve_neg"),
):
    REGISTRY.operation(_name, _params, functions=_functions, methods=_methods)(_keep)


_LIMITS = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
_INTEGERS = {"byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64"}


def _cut(bounds: Interval, name: str) -> Interval:
    """The range of integers that numbers become: fractions are cut off, and what is too large wraps around."""
    low, high = _LIMITS[_INTEGERS.get(name, name)]
    if bounds.bounded and low - 1 < bounds.low and bounds.high < high + 1:
        return Interval(math.trunc(bounds.low), math.trunc(bounds.high))
    return Interval(low, high) if high < 256 else ANY


def _cast(name: str, kind: str) -> None:
    @REGISTRY.operation("to", "input", methods=name)
    def transfer(apply: Apply) -> Facts:
        x = apply.tensor()
        bounds = Interval(0, 1) if kind == "bool" else _cut(x.range, name) if kind == "int" else x.range
        return Facts(x.shape, x.last, bounds, kind)


for _name in _INTEGERS:
    _cast(_name, "int")
for _name in ("float", "double", "half", "bfloat16"):
    _cast(_name, "float")
_cast("bool", "bool")


@REGISTRY.operation("to", "input, *where", methods="to type")
def _to(apply: Apply) -> Facts:
    x = apply.tensor()
    wanted = [*(items(apply["where"]) or ()), *(v for k, v in apply.args.items() if k in {"dtype", "other"})]
    kinds = {
        w.name.rpartition(".")[2]: kind for w in wanted if isinstance(w, External) and (kind := kind_of_dtype(w, None))
    }
    if len(kinds) == 1:
        name, kind = kinds.popitem()
        if kind == "int":
            return Facts(x.shape, x.last, _cut(x.range, name), kind)
        return Facts(x.shape, x.last, x.range if kind in {"float", x.kind} else ANY, kind)
    device = all(isinstance(w, str | int | None) or _names_device(w) for w in wanted)
    return Facts(x.shape, x.last, x.range if device or x.kind is None else ANY, x.kind if device else None)


def _names_device(value: Value) -> bool:
    if isinstance(value, Sym) and value.op == "device":
        return True
    return getattr(value, "name", "").rpartition(".")[2] in {"device", "cuda", "cpu", "mps"}


@REGISTRY.operation("to", "input, other", methods="type_as")
def _type_as(apply: Apply) -> Facts:
    x, other = apply.tensor(), apply.tensor("other")
    return Facts(x.shape, x.last, x.range if other.kind == "float" else ANY, other.kind)


@REGISTRY.operation("masked_fill", "input, mask, value", functions="masked_fill", methods="masked_fill")
def _masked_fill(apply: Apply) -> Facts:
    x, mask, value = apply.tensor(), apply.tensor("mask"), apply.tensor("value")
    bounds = x.range.hull(value.range)
    if x.shape is None or mask.shape is None:
        return Facts(None, (), bounds, x.kind)
    a, b = x.shape, mask.shape
    width = max(len(a), len(b))
    a, b = (1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b
    sizes = [broadcast_dim(p, q) for p, q in zip(a, b, strict=True)]
    if None in sizes:
        apply.conflict("broadcast", a=x.shape, b=mask.shape)
        return unknown(x.kind, bounds)
    return Facts(tuple(s for s in sizes if s is not None), (), bounds, x.kind)


@REGISTRY.operation("index", "input, dim, index, value", functions="index_fill", methods="index_fill")
@REGISTRY.operation("index", "input, dim, index, source, alpha=1", functions="index_add", methods="index_add")
@REGISTRY.operation("index", "input, dim, index, source", functions="index_copy", methods="index_copy")
@REGISTRY.operation(
    "scatter",
    "input, dim, index, src=None, value=None, reduce=None",
    functions="scatter scatter_add",
    methods="scatter scatter_add",
)
@REGISTRY.operation(
    "scatter", "input, dim, index, src, reduce, include_self=True", functions="scatter_reduce", methods="scatter_reduce"
)
@REGISTRY.operation("masked_scatter", "input, mask, source", methods="masked_scatter")
@REGISTRY.operation("copy", "input, src, non_blocking=False", methods="copy")
def _overwritten(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, ANY, x.kind)


@REGISTRY.operation("masked_select", "input, mask", functions="masked_select", methods="masked_select")
def _masked_select(apply: Apply) -> Facts:
    return with_shape(apply, (fresh("selected"),))


@REGISTRY.operation("gather", "input, dim, index", functions="gather", methods="gather")
@REGISTRY.operation("gather", "input, index", functions="take", methods="take")
def _gather(apply: Apply) -> Facts:
    index = apply.tensor("index")
    return with_shape(apply, index.shape, index.last)


@REGISTRY.operation("index_select", "input, dim, index", functions="index_select", methods="index_select")
def _index_select(apply: Apply) -> Facts:
    index = apply.tensor("index").shape
    count = index[0] if index is not None and len(index) == 1 else fresh("index")
    return _resized(apply, count)


@REGISTRY.operation("narrow", "input, dim, start, length", functions="narrow", methods="narrow")
def _narrow(apply: Apply) -> Facts:
    length = apply.dim("length")
    return _resized(apply, fresh("length") if length is None else length)


def _resized(apply: Apply, size: Dim) -> Facts:
    x = apply.tensor()
    if not x.shape:
        return unknown(x.kind, x.range)
    place = axis_of(apply, apply["dim"], len(x.shape), x.shape)
    return unknown(x.kind, x.range) if place is None else _piece(apply, place, size)


@REGISTRY.operation("select", "input, dim, index", functions="select", methods="select")
def _select(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is None:
        return unknown(x.kind, x.range)
    place = axis_of(apply, apply["dim"], len(x.shape), x.shape, scalar=False)
    return unknown(x.kind, x.range) if place is None else with_shape(apply, (*x.shape[:place], *x.shape[place + 1 :]))


@REGISTRY.operation("diagonal", "input, offset=0, dim1=0, dim2=1", functions="diagonal", methods="diagonal")
def _diagonal(apply: Apply) -> Facts:
    return unknown(apply.tensor().kind, apply.tensor().range)


@REGISTRY.operation("nonzero", "input", functions="nonzero argwhere", methods="nonzero argwhere")
def _nonzero(apply: Apply) -> Facts:
    shape = apply.tensor().shape
    if shape is None or "as_tuple" in apply.args:
        return unknown("int", NONNEGATIVE)
    return Facts((fresh("nonzero"), len(shape)), (), NONNEGATIVE, "int")


@REGISTRY.operation("broadcast_tensors", "*tensors", functions="broadcast_tensors")
@REGISTRY.operation("meshgrid", "*tensors", functions="meshgrid")
def _grids(apply: Apply) -> tuple[Facts, ...] | Value:
    parts = items(apply["tensors"])
    if parts is not None and len(parts) == 1 and isinstance(parts[0], ListValue | tuple):
        parts = items(parts[0])
    if parts is None:
        return None
    shapes = [facts_of(p).shape for p in parts]
    if apply.args.get("indexing") == "ij" and all(s is not None and len(s) == 1 for s in shapes):
        grid = tuple(s[0] for s in shapes if s is not None)
        return tuple(Facts(grid, (), facts_of(p).range, facts_of(p).kind) for p in parts)
    return tuple(unknown(facts_of(p).kind, facts_of(p).range) for p in parts)


@REGISTRY.operation("item", "input", methods="item")
def _item(apply: Apply) -> Facts:
    return Facts((), (), apply.tensor().range, "size", tensor=False)
