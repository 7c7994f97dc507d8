"""When a reshape puts elements of different samples into one row."""

from __future__ import annotations

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Atom, Dim, Poly
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply
from aelint.semantics.operators.axes import differ

__all__ = ["batch_axis", "check_samples", "counts_samples", "is_loaded"]


def batch_axis(shape: Shape) -> int | None:
    """The one axis that is the number of samples and nothing else."""
    found = [i for i, d in enumerate(shape) if isinstance(d, Poly) and d.has_batch]
    return found[0] if len(found) == 1 and _is_batch(shape[found[0]]) else None


def _is_batch(size: Dim) -> bool:
    match size:
        case Poly(terms=(((only,), 1),)):
            return only.batch
        case _:
            return False


def check_samples(apply: Apply, shape: Shape, target: Shape) -> None:
    """Report `mixes-batch`: an axis of `target` that provably holds elements of several samples.

    Elements stay in row-major order, so a row of the result is a run of consecutive elements. It stays
    within one sample when its length divides that of a sample, or when the result has a cut where a
    sample ends (`(2n, d)` as `(2, n, d)`). Flattening everything mixes nothing that had rows.
    """
    axis = batch_axis(shape)
    # An unknown tensor's first axis counts as the samples' only as long as it stands in front (or behind the
    # time axis): an image without a batch has its channels there, and layouts move them to the end.
    if axis is None or axis > 1 or len(target) < 2 or len(shape) < 2:
        return
    sample = dims.product(shape[axis + 1 :])
    if axis == 0 and target == (sample, shape[0]) and isinstance(sample, int) and sample > 1:
        # Features first and samples behind, as `t()` gives it, but row by row from what has the samples first.
        apply.conflict("mixes-batch", shape=shape, target=target, axis=axis, row=shape[0], sample=sample)
        return
    if target[0] == 1 or (isinstance(target[0], int) and target[0] not in shape):
        # `view(1, -1)` takes everything for one row, and a number that is no size of the tensor is the batch's, written out.
        return
    if axis == 1 and target[0] == shape[0]:
        # Who moved another axis to the front, and keeps it there, adds up over samples: `(channels, samples * pixels)`.
        return
    if len(target) > 2 and target[-1] == shape[-1]:
        # Whole vectors, listed over samples and places: what a codebook is compared with.
        return
    if axis == 1 and sample == 1:
        return  # a table of pairs, such as (cells, neighbours)
    tails = [dims.product(target[i:]) for i in range(1, len(target))]
    if any(not _cannot_be(tail, sample) for tail in tails):
        return
    row = tails[0]
    if counts_samples(row) or (isinstance(row, int) and isinstance(sample, int) and sample % row and row % sample):
        apply.conflict("mixes-batch", shape=shape, target=target, axis=axis, row=row, sample=sample)


def _cannot_be(tail: Dim, sample: Dim) -> bool:
    return counts_samples(tail) or differ(tail, sample)


def counts_samples(size: Dim | None) -> bool:
    """Whether a size is a multiple of the number of samples."""
    return isinstance(size, Poly) and all(any(a.batch for a in monomial) for monomial, _ in size.terms)


def is_loaded(unknown: Atom) -> bool:
    """Whether an unknown is the number of samples in a batch of a loader: elsewhere a tensor may be one sample."""
    return isinstance(unknown.key, tuple) and unknown.key[:1] == ("batch",)
