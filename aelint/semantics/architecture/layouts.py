"""Reshapes that read the elements of one layout as if they lay in another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.architecture.contradictions import last_layer
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Shape, Sym, Value
from aelint.semantics.objective.comparisons import comparisons

__all__ = ["MovedAxis", "ReorderedParts", "moved_axes", "reordered_parts"]


@dataclass(frozen=True, slots=True, eq=False)
class MovedAxis:
    """A reshape that puts an axis where its elements do not lie."""

    call: Call
    shape: Shape
    target: Shape


@dataclass(frozen=True, slots=True, eq=False)
class ReorderedParts:
    """A last axis that one place joins from parts in one order, and another splits in another order."""

    joined: Sym
    parts: tuple[int, ...]
    split: Call
    sizes: tuple[int, ...]


def _reshapes(program: Program) -> Iterator[tuple[Call, Shape, Shape]]:
    """Each reshape, once for each pair of shapes that it stands between."""
    seen: set[tuple[int, Shape, Shape]] = set()
    for call in program.calls_to("view"):
        value, result = _reshaped(call), call.result
        if not isinstance(value, Sym) or not isinstance(result, Sym):
            continue
        shape = _rows(value, result.shape) if value.shape is None else value.shape
        if (
            shape is not None
            and result.shape is not None
            and (key := (id(call.site.node), shape, result.shape)) not in seen
        ):
            seen.add(key)
            yield call, shape, result.shape


def _rows(value: Sym, target: Shape | None) -> Shape | None:
    """The shape of a tensor of which only the last size is known, where a reshape tells that it has as many rows as (L, rows, H)."""
    match (*value.last, *(target or ())):
        case (int(length), int(parts), rows, int(width)) if parts * width == length:
            return (rows, length)
        case _:
            return None


def moved_axes(program: Program) -> Iterator[MovedAxis]:
    """Reshapes where `permute` was meant: the sizes change places, the elements do not."""
    told: set[int] = set()
    for call, shape, target in _reshapes(program):
        if id(call.site.node) in told or [d for d in shape if d != 1] == [d for d in target if d != 1]:
            continue  # axes of one element move nothing
        moved = _is_permutation(shape, target) or _regroups_positions(shape, target)
        moved = moved or _joins_windows(call, shape, target) or _lays_patches_in_rows(shape, target)
        moved = moved or _scatters_vectors(call, shape, target) or _gathers_channels(program, call, shape, target)
        moved = moved or _breaks_rows(shape, target) or _moves_unknown_size(shape, target)
        moved = moved or _turns_table(shape, target) or _cuts_images(call, shape, target)
        moved = moved or _puts_layers_first(program, call, shape, target)
        if moved and not _shifts_rows(program, call):
            told.add(id(call.site.node))
            yield MovedAxis(call, shape, target)


_COPIES = frozenset({"contiguous", "clone"})


def _reshaped(call: Call) -> Value:
    """What a reshape is applied to, as a method or as a function; None where nothing is given."""
    return call.receiver if isinstance(call.receiver, Sym) else call.args[0] if call.args else None


def _shifts_rows(program: Program, call: Call) -> bool:
    """Whether every row is to move by one place more, as relative positions do: a column is put on before, or cut off after."""
    given, result = through(_reshaped(call), _COPIES), call.result
    if isinstance(given, Sym) and (given.op == "pad" or (given.op == "getitem" and _is_view(source(given)))):
        return True
    users = consumers(program)
    cut = [u for u in users.get(result.id, ()) if u.op == "getitem"] if isinstance(result, Sym) else []
    return any(user.op == "view" for one in cut for user in users.get(one.id, ()))


def _is_view(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "view"


def _puts_layers_first(program: Program, call: Call, shape: Shape, target: Shape) -> bool:
    """Whether a row that a layer computed for each sample, say the states of L recurrent layers, is read as (L, N, H)."""
    match (*shape, *target):
        case (samples, int(features), int(parts), same, int(width)) if samples == same != parts > 1:
            computed = parts * width == features and last_layer(_reshaped(call)) is not None
            return computed and not _is_undone(program, call, shape)
        case _:
            return False


def _is_permutation(shape: Shape, target: Shape) -> bool:
    """Whether the target has the same sizes, three or more of them not 1, in another order."""
    before, after = [d for d in shape if d != 1], [d for d in target if d != 1]
    if before == after or len(before) < 3 or sorted(map(str, before)) != sorted(map(str, after)):
        return False
    if before[0] == after[0]:
        return all(isinstance(d, int) for d in before[1:])
    # The first two axes in exchange: sizes that are all different do not come back by chance.
    return (
        len(set(map(str, before))) == len(before)
        and before[2:] == after[2:]
        and all(isinstance(d, int) for d in before)
    )


def _regroups_positions(shape: Shape, target: Shape) -> bool:
    """Whether channels and the positions of a map change places: (N, C, H, W) as (N, H*W, C), or back."""
    if min(len(shape), len(target)) != 3 or max(len(shape), len(target)) < 4 or shape[0] != target[0]:
        return False
    tokens, grid = (shape, target) if len(shape) == 3 else (target, shape)
    positions = dims.product(grid[2:])
    several = positions > 1 if isinstance(positions, int) else isinstance(positions, Poly)
    return (
        several
        and isinstance(grid[1], int)
        and grid[1] > 1
        and tokens[1:] == (positions, grid[1])
        and positions != grid[1]
        and not _is_cut_in_place(tokens, grid)
    )


def _is_cut_in_place(tokens: Shape, grid: Shape) -> bool:
    """Whether the positions may as well come first, as many rows as there are channels: each token axis is cut where it lies."""
    cuts = ((dims.product(grid[1:k]), dims.product(grid[k:])) for k in range(2, len(grid)))
    return any(tokens[1:] == cut for cut in cuts)


_SMALLEST_ROW = 8
"""Shorter rows come about by chance: pairs, colours, coordinates."""


def _breaks_rows(shape: Shape, target: Shape) -> bool:
    """Whether an inner axis becomes the last one while the others are merged: (N, C, H, W) as (N, C*W, H).

    Where H divides W the rows may be cut into pieces on purpose; otherwise every new row begins inside of an old one.
    """
    while len(target) > 3 and target[-1] == 1:
        target = target[:-1]  # a last axis of one element moves nothing
    if len(shape) != 4 or len(target) != 3 or shape[0] != target[0] or shape[2] != target[2]:
        return False
    channels, height, width = shape[1:]
    if not isinstance(channels, int) or not isinstance(height, int) or not isinstance(width, int):
        return False
    return target[1] == channels * width and channels > 1 and height >= _SMALLEST_ROW and width % height != 0


def _turns_table(shape: Shape, target: Shape) -> bool:
    """Whether rows and columns of a table change places: (40, 16) as (16, 40), where each new row begins inside of an old one.

    Where one size divides the other, whole rows may be joined, or cut into pieces, on purpose.
    """
    match shape:
        case (int(rows), int(columns)) if target == (columns, rows):
            return min(rows, columns) >= _SMALLEST_ROW and rows % columns != 0 and columns % rows != 0
        case _:
            return False


def _cuts_images(call: Call, shape: Shape, target: Shape) -> bool:
    """Whether images are cut into as many numbers as square patches hold: (N, C, g*p, h*p) as (N, g*h, C*p*p).

    What comes are runs of a channel. Of one channel these may be meant where each is made of whole rows, and what a layer
    computed has no layout that another layer could not learn.
    """
    match (*shape, *target):
        case (batch, int(channels), int(height), int(width), same, int(patches), int(length)) if batch == same:
            side = math.isqrt(length // channels)
        case _:
            return False
    if side < 2 or channels * side**2 != length or height % side or width % side or patches == 1:
        return False
    runs = channels > 1 or length % width != 0
    return runs and patches * side**2 == height * width and last_layer(_reshaped(call)) is None


def _scatters_vectors(call: Call, shape: Shape, target: Shape) -> bool:
    """Whether rows that hold one vector for each position become channels: (N*H*W, C) as (N, C, H, W).

    Where the vectors were cut out of that very layout, the reshape only undoes it.
    """
    if len(shape) != 2 or len(target) < 3 or target[1] != shape[1] or not isinstance(shape[1], int):
        return False
    width, positions = shape[1], dims.product(target[2:])
    tails = {dims.product(target[axis:]) for axis in range(2, len(target))}
    if width == 1 or positions == 1 or width in tails or shape[0] != dims.mul(target[0], positions):
        return False
    given = _reshaped(call)
    cut = (one for one in ancestors(given) if _is_view(one) and one.shape == shape)
    return not any(isinstance(before := source(one), Sym) and before.shape == target for one in cut)


def _gathers_channels(program: Program, call: Call, shape: Shape, target: Shape) -> bool:
    """Whether channels become the rows' last axis in place: (N, C, L) as (N*L, C), where a row then holds a run of one channel.

    A row that is no part of a channel's run is wrong whatever the axes are; else a convolution has to show that these are
    channels. Rows that are as long as the last axes are these axes. What a layer makes of unknown sizes may be one position.
    """
    if len(shape) < 3 or len(target) != 2 or target[1] != shape[1] or not isinstance(shape[1], int):
        return False
    width, positions = shape[1], dims.product(shape[2:])
    tails = {dims.product(shape[axis:]) for axis in range(2, len(shape))}
    if width == 1 or positions == 1 or width in tails or target[0] != dims.mul(shape[0], positions):
        return False
    if not all(isinstance(d, int) or _is_one_unknown(d) for d in shape[2:]):
        return False
    straddles = isinstance(positions, int) and positions % width != 0
    layer = last_layer(_reshaped(call))
    channels = straddles or (layer is not None and layer.bound.get("out_channels") == width)
    return channels and not _is_undone(program, call, shape)


def _is_undone(program: Program, call: Call, shape: Shape) -> bool:
    """Whether all that is done with the rows, element by element, ends in a reshape back."""
    users = consumers(program)
    pending = [call.result] if isinstance(call.result, Sym) else []
    for one in pending:  # grows while it is read
        following = users.get(one.id, [])
        if any(_is_view(user) and user.shape == shape for user in following):
            return True
        pending += [user for user in following if user.shape == one.shape and user not in pending]
    return False


def _joins_windows(call: Call, shape: Shape, target: Shape) -> bool:
    """Whether the windows of two `unfold`s are joined while the channels still stand before them: (N, C, A, B, p, q)."""
    given = through(_reshaped(call), _COPIES)
    twice = (
        isinstance(given, Sym)
        and given.op == "unfold"
        and isinstance(inner := source(given), Sym)
        and inner.op == "unfold"
    )
    if (
        not twice
        or len(shape) != 6
        or len(target) != 3
        or shape[0] != target[0]
        or not all(isinstance(d, int) for d in shape[1:])
    ):
        return False
    channels, rows, columns, *window = shape[1:]
    return channels != 1 and target[1:] == (dims.product((rows, columns)), dims.product((channels, *window)))


def _lays_patches_in_rows(shape: Shape, target: Shape) -> bool:
    """Whether square patches are laid out one behind the other as if that were a map: (N, g*g, p*p, C) as (N, g*p, g*p, C)."""
    if len(shape) != 4 or len(target) != 4 or shape[0] != target[0] or shape[3] != target[3] or target[1] != target[2]:
        return False
    grid, patch, side = shape[1], shape[2], target[1]
    if not isinstance(grid, int) or not isinstance(patch, int) or not isinstance(side, int) or min(grid, patch) < 4:
        return False
    square = math.isqrt(grid) ** 2 == grid and math.isqrt(patch) ** 2 == patch
    return square and side == math.isqrt(grid) * math.isqrt(patch)


def _moves_unknown_size(shape: Shape, target: Shape) -> bool:
    for place, size in enumerate(shape):
        if not _is_one_unknown(size) or shape.count(size) != 1 or target.count(size) != 1:
            continue
        before, after = dims.product(shape[:place]), dims.product(target[: target.index(size)])
        if before != after and _behind_same_batch(shape, target) and _all_known(shape, target):
            return True
    return False


def _is_one_unknown(size: Dim) -> bool:
    return isinstance(size, Poly) and not size.has_batch and len(size.terms) == 1 and size.terms[0][1] == 1


def _behind_same_batch(shape: Shape, target: Shape) -> bool:
    return len(shape) > 2 and len(target) > 2 and shape[0] == target[0]


def _all_known(shape: Shape, target: Shape) -> bool:
    # Sizes that were guessed from nothing (`-1` of an unknown) prove nothing.
    return dims.product(shape) == dims.product(target)


def reordered_parts(program: Program) -> Iterator[ReorderedParts]:
    """Patches that the target joins as, say, (c, p, p) while the prediction's are split as (p, p, c)."""
    joins = []
    for comparison in comparisons(program):
        layer = last_layer(comparison.prediction)
        for joined, sizes in _joins(comparison.target):
            joins.append((layer, joined, sizes))
    for call, shape, target in _reshapes(program):
        layer = last_layer(_reshaped(call))
        for given, joined, sizes in joins:
            split = _tail(target, shape[-1])
            if _same_layer(given, layer) and split is not None and sorted(split) == sorted(sizes) and split != sizes:
                yield ReorderedParts(joined, sizes, call, split)
                break


def _same_layer(a: Object | None, b: Object | None) -> bool:
    return a is not None and b is not None and a.site is not None and b.site is not None and a.site.node is b.site.node


def _joins(value: Value) -> Iterator[tuple[Sym, tuple[int, ...]]]:
    """The reshapes behind a value that join the last axes, with the sizes of the parts."""
    while isinstance(value, Sym) and value.op in RESHAPES:
        before = source(value)
        if value.op in {"view", "flatten"} and isinstance(before, Sym) and before.shape and value.shape:
            sizes = _tail(before.shape, value.shape[-1])
            if sizes is not None:
                yield value, sizes
        value = before


def _tail(shape: Shape, size: Dim) -> tuple[int, ...] | None:
    """The last axes of `shape` whose product is `size`, three or more of them."""
    for count in range(2, len(shape)):
        tail = shape[-count:]
        if all(isinstance(d, int) for d in tail) and math.prod(d for d in tail if isinstance(d, int)) == size:
            return tuple(d for d in tail if isinstance(d, int)) if count > 1 else None
    return None
