"""View, reshape, flatten and the permutations of axes: functions that keep the elements and change the axes."""

from __future__ import annotations

from dataclasses import replace

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.values import External, Shape, Sym, Value
from aelint.semantics.operators.api import Apply, Facts, fresh, to_dim, unknown
from aelint.semantics.operators.axes import axes_of, axis_of, batched, differ, items
from aelint.semantics.operators.batches import check_samples
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["spread", "with_shape"]


def spread(value: Value) -> tuple[Value, ...] | None:
    """`f(1, 2)`, `f((1, 2))` and `f([1, 2])` alike; None if it is unknown how many there are."""
    parts = items(value)
    if parts is None:
        return None
    if len(parts) == 1 and not isinstance(parts[0], int | Poly):
        nested = items(parts[0])
        return parts if nested is None and _is_number(parts[0]) else nested
    return parts


def _is_number(value: Value) -> bool:
    # An unknown that was never seen as a number may as well be a whole shape.
    return isinstance(value, Sym) and value.kind == "size" and value.tensor is False


def with_shape(apply: Apply, shape: Shape | None, last: Shape = ()) -> Facts:
    """The input with another shape."""
    x = apply.tensor()
    return Facts(shape, last, x.range, x.kind, tensor=True)


def _target(parts: tuple[Value, ...]) -> tuple[list[Dim], int | None]:
    """Sizes asked for, and which of them is -1."""
    sizes = [fresh("size") if (d := to_dim(p)) is None else d for p in parts]
    free = [i for i, d in enumerate(sizes) if d == -1]
    return sizes, free[0] if len(free) == 1 else None


@REGISTRY.operation("view", "input, *shape", functions="reshape", methods="view reshape")
def _view(apply: Apply) -> Facts:
    x = apply.tensor()
    parts = spread(apply["shape"])
    if parts is None or "dtype" in apply.args:
        return unknown(x.kind, x.range)
    if any(isinstance(p, External) for p in parts):
        # `x.view(torch.int32)` reads the same bytes as another type.
        return unknown()
    sizes, free = _target(parts)
    if sum(1 for d in sizes if d == -1) > 1:
        return unknown(x.kind, x.range)
    if x.shape is None:
        if not _fits_per_sample(apply, x.last, tuple(sizes), free):
            return unknown(x.kind, x.range)
        return with_shape(apply, _guessed(apply, sizes, free))
    have, rest = dims.product(x.shape), dims.product(d for i, d in enumerate(sizes) if i != free)
    if not _fits(apply, x.shape, tuple(sizes), have, rest, exact=free is None):
        return unknown(x.kind, x.range)
    if free is not None:
        kept = _keeps_samples(x.shape, rest) if free == 0 else None
        sizes[free] = _quotient(have, rest, batch=free == 0) if kept is None else kept
    check_samples(apply, x.shape, tuple(sizes))
    return with_shape(apply, tuple(sizes))


def _fits_per_sample(apply: Apply, last: Shape, target: Shape, free: int | None) -> bool:
    """Report sizes behind the batch that no whole number of rows of known size can fill, whatever the rank."""
    if free is not None or not last or not target:
        return True
    first, *rest = target
    have, want = dims.product(last), dims.product(rest)
    counts_samples = isinstance(first, Poly) and first.has_batch and _single(first)
    if not counts_samples or not isinstance(have, int) or not isinstance(want, int):
        return True
    if have == 0 or want % have == 0 or want == 1:
        # One number for each sample (`scale.view(n, 1, 1)`) is left when the last axis was reduced on a way not seen.
        return True
    apply.conflict(
        "elements", shape=(..., *last), target=target, have=dims.mul(first, have), want=dims.mul(first, want)
    )
    return False


def _guessed(apply: Apply, sizes: list[Dim], free: int | None) -> Shape:
    """For a tensor of unknown shape, -1 is the number of its elements divided by the rest."""
    value = apply["input"]
    if free is None:
        return tuple(sizes)
    if not isinstance(value, Sym):
        sizes[free] = fresh("size", batch=free == 0)
        return tuple(sizes)
    label = value.name or "x"
    # Who asks for a batch of one, `view(1, -1)`, holds a single sample.
    have = dims.atom(("numel", value.id), f"{label}.numel()", batch=free == 0 or sizes[0] != 1)
    rest = dims.product(d for i, d in enumerate(sizes) if i != free)
    sizes[free] = _quotient(have, rest, batch=free == 0)
    return tuple(sizes)


def _quotient(have: Dim, rest: Dim, *, batch: bool) -> Dim:
    """How many rows of `rest` elements there are; a count of samples stays one unknown, however long its expression."""
    size = fresh("size", batch=batch) if rest == 0 else dims.floor_divide(have, rest)
    if not batch or isinstance(size, int) or dims.divide(have, rest) is not None:
        return size
    return dims.whole_floor(have, rest)


def _keeps_samples(shape: Shape, row: Dim) -> Dim | None:
    """The number of samples, where feature maps of unknown height and width are flattened to rows that can hold all of one.

    `maps.view(-1, 256)` of 64 channels: who writes it has images of the size that leaves 2 x 2.
    """
    match shape, row:
        case (Poly() as samples, int(channels), *places), int() if len(places) == 2:
            plain = samples.has_batch and _single(samples)
            unknown = not any(isinstance(place, int) for place in places)
            return samples if plain and unknown and channels < row and row % channels == 0 else None
        case _:
            return None


def _single(size: Poly) -> bool:
    return len(size.terms) == 1 and len(size.terms[0][0]) == 1 and size.terms[0][1] == 1


def _fits(apply: Apply, shape: Shape, target: Shape, have: Dim, want: Dim, *, exact: bool) -> bool:
    """Report a target that cannot hold the elements."""
    if exact:
        wrong = differ(have, want)
    else:
        wrong = isinstance(have, int) and isinstance(want, int) and (want == 0 or have % want != 0)
    if wrong:
        apply.conflict("elements", shape=shape, target=target, have=have, want=want)
    return not wrong


@REGISTRY.operation("view", "input, other", methods="view_as reshape_as")
def _view_as(apply: Apply) -> Facts:
    x, other = apply.tensor(), apply.tensor("other").shape
    if other is None:
        return unknown(x.kind, x.range)
    if x.shape is not None:
        have, want = dims.product(x.shape), dims.product(other)
        if not _fits(apply, x.shape, other, have, want, exact=True):
            return unknown(x.kind, x.range)
        check_samples(apply, x.shape, other)
    return with_shape(apply, other)


@REGISTRY.layer("Flatten", "start_dim=1, end_dim=-1", name="flatten")
@REGISTRY.operation("flatten", "input, start_dim=0, end_dim=-1", functions="flatten", methods="flatten")
@REGISTRY.operation("flatten", "input", functions="ravel", methods="ravel")
def _flatten(apply: Apply) -> Facts:
    x = apply.tensor()
    begin = 0 if apply["start_dim"] is None else apply.int("start_dim")
    end = -1 if apply["end_dim"] is None else apply.int("end_dim")
    if begin is None or end is None:
        return unknown(x.kind, x.range)
    if x.shape is None:
        return with_shape(apply, _flattened_unknown(apply["input"], begin, end))
    first, last = axis_of(apply, begin, len(x.shape), x.shape), axis_of(apply, end, len(x.shape), x.shape)
    if first is None or last is None or first > last:
        return unknown(x.kind, x.range)
    merged = dims.product(x.shape[first : last + 1])
    result = (*x.shape[:first], merged, *x.shape[last + 1 :])
    check_samples(apply, x.shape, result)
    return with_shape(apply, result)


def _flattened_unknown(value: Value, begin: int, end: int) -> Shape | None:
    """Two axes for `flatten(1)`, one for `flatten()`, whatever came in."""
    if not isinstance(value, Sym) or end != -1 or begin not in {0, 1}:
        return None
    label = value.name or "x"
    if begin == 0:
        return (dims.atom(("numel", value.id), f"{label}.numel()", batch=True),)
    batch = dims.atom((value.id, 0), f"{label}.size(0)", batch=True)
    return (batch, dims.atom(("row", value.id), f"{label}[0].numel()"))


@REGISTRY.layer("Unflatten", "dim, unflattened_size", name="unflatten")
@REGISTRY.operation("unflatten", "input, dim, sizes", functions="unflatten", methods="unflatten")
def _unflatten(apply: Apply) -> Facts:
    x = apply.tensor()
    parts = items(apply["sizes"] if apply.layer is None else apply["unflattened_size"])
    if parts is None or not parts or any(isinstance(p, tuple) for p in parts):
        return unknown(x.kind, x.range)
    sizes, free = _target(parts)
    axis = apply.int("dim")
    if x.shape is None and axis == 1 and apply.layer is not None and len(x.last) == 1:
        # `nn.Unflatten(1, ...)` stands behind a linear layer to undo a flattening: samples and features.
        x = replace(x, shape=batched(apply["input"], 2))
    if x.shape is None:
        ends = axis in {1, -1} and free is None
        return with_shape(apply, None, tuple(sizes) if ends and axis == -1 else ())
    place = axis_of(apply, axis, len(x.shape), x.shape, scalar=False)
    if place is None:
        return unknown(x.kind, x.range)
    have, rest = x.shape[place], dims.product(d for i, d in enumerate(sizes) if i != free)
    if not _fits(apply, x.shape, tuple(sizes), have, rest, exact=free is None):
        return unknown(x.kind, x.range)
    if free is not None:
        sizes[free] = _quotient(have, rest, batch=False)
    return with_shape(apply, (*x.shape[:place], *sizes, *x.shape[place + 1 :]))


@REGISTRY.operation("permute", "input, *dims", functions="permute", methods="permute")
def _permute(apply: Apply) -> Facts:
    x, parts = apply.tensor(), spread(apply["dims"])
    if x.shape is None or parts is None:
        return unknown(x.kind, x.range)
    if len(parts) != len(x.shape):
        apply.conflict("rank", expected=(len(parts),), shape=x.shape)
        return unknown(x.kind, x.range)
    axes = axes_of(apply, parts, x.shape)
    if axes is None or len(set(axes)) != len(axes):
        return unknown(x.kind, x.range)
    return with_shape(apply, tuple(x.shape[a] for a in axes))


@REGISTRY.operation(
    "transpose",
    "input, dim0, dim1, *dims",
    functions="transpose swapaxes swapdims",
    methods="transpose swapaxes swapdims",
)
def _transpose(apply: Apply) -> Facts:
    x = apply.tensor()
    if apply["dims"]:
        return unknown(x.kind, x.range)  # an array's `transpose(0, 1, 3, 2)` names all axes
    if x.shape is None:
        swapped = {apply.int("dim0"), apply.int("dim1")} == {-1, -2} and len(x.last) >= 2
        return with_shape(apply, None, (*x.last[:-2], x.last[-1], x.last[-2]) if swapped else ())
    a = axis_of(apply, apply["dim0"], len(x.shape), x.shape)
    b = axis_of(apply, apply["dim1"], len(x.shape), x.shape)
    if a is None or b is None:
        return unknown(x.kind, x.range)
    sizes = list(x.shape)
    if sizes:
        sizes[a], sizes[b] = sizes[b], sizes[a]
    return with_shape(apply, tuple(sizes))


@REGISTRY.operation("transpose", "input", functions="t", methods="t T")
def _t(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is not None and len(x.shape) > 2:
        # `x.T` of more axes is deprecated but reverses them; `x.t()` raises.
        return with_shape(apply, tuple(reversed(x.shape)))
    return with_shape(apply, None if x.shape is None else tuple(reversed(x.shape)))


@REGISTRY.operation("transpose", "input", functions="adjoint", methods="mT mH adjoint")
def _matrix_transpose(apply: Apply) -> Facts:
    x = apply.tensor()
    sizes = x.shape if x.shape is not None else x.last
    if len(sizes) < 2:
        return unknown(x.kind, x.range)
    swapped = (*sizes[:-2], sizes[-1], sizes[-2])
    return with_shape(apply, swapped) if x.shape is not None else with_shape(apply, None, swapped)


@REGISTRY.operation("movedim", "input, source, destination", functions="movedim moveaxis", methods="movedim moveaxis")
def _movedim(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is None:
        return unknown(x.kind, x.range)
    source, target = axes_of(apply, apply["source"], x.shape), axes_of(apply, apply["destination"], x.shape)
    if source is None or target is None or len(source) != len(target) or not x.shape:
        return unknown(x.kind, x.range)
    placed: dict[int, Dim] = {t: x.shape[s] for s, t in zip(source, target, strict=True)}
    others = iter([size for i, size in enumerate(x.shape) if i not in source])
    if len(placed) != len(set(source)):
        return unknown(x.kind, x.range)
    return with_shape(apply, tuple(placed[i] if i in placed else next(others) for i in range(len(x.shape))))


@REGISTRY.operation("squeeze", "input, dim=None", functions="squeeze", methods="squeeze")
def _squeeze(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape is None:
        return unknown(x.kind, x.range)
    if apply["dim"] is None:
        # An unknown size may be 1, so the rank is known for known sizes only.
        known = all(isinstance(d, int) for d in x.shape)
        return with_shape(apply, tuple(d for d in x.shape if d != 1) if known else None)
    axes = axes_of(apply, apply["dim"], x.shape)
    if axes is None or any(isinstance(x.shape[a], Poly) for a in axes if a < len(x.shape)):
        return unknown(x.kind, x.range)
    return with_shape(apply, tuple(d for i, d in enumerate(x.shape) if i not in axes or d != 1))


@REGISTRY.operation("unsqueeze", "input, dim", functions="unsqueeze", methods="unsqueeze")
def _unsqueeze(apply: Apply) -> Facts:
    x = apply.tensor()
    axis = apply.int("dim")
    if x.shape is None:
        return with_shape(apply, None, (*x.last, 1) if axis == -1 else ())
    place = axis_of(apply, axis, len(x.shape) + 1, x.shape)
    if place is None:
        return unknown(x.kind, x.range)
    return with_shape(apply, (*x.shape[:place], 1, *x.shape[place:]))


@REGISTRY.operation("atleast_1d", "input", functions="atleast_1d")
@REGISTRY.operation("atleast_2d", "input", functions="atleast_2d")
def _atleast(apply: Apply) -> Facts:
    rank = 1 if apply.name == "atleast_1d" else 2
    x = apply.tensor()
    if x.shape is None:
        return unknown(x.kind, x.range)
    return with_shape(apply, (1,) * (rank - len(x.shape)) + x.shape)
