"""Reshapes whose `-1` takes up what does not fit: `code.view(-1, 64, 2, 4)` of rows with 256 elements halves the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape, Sym
from aelint.semantics.operators.batches import counts_samples
from aelint.semantics.operators.shapes import spread

__all__ = ["ChangedBatch", "changed_batches"]

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d"})


@dataclass(frozen=True, slots=True, eq=False)
class ChangedBatch:
    """A reshape of rows of `sample` elements to rows of `row`, and a tensor of the same pass that kept the number of samples."""

    site: Site
    before: Shape
    target: Shape
    sample: int
    row: int
    beside: Sym


@per_program
def changed_batches(program: Program) -> tuple[ChangedBatch, ...]:
    """The reshapes behind which a network's result has another number of samples than its code or its features."""
    changed = {
        c.result.id for c in program.calls_to("view") if isinstance(c.result, Sym) and _sizes(c.result) is not None
    }
    found: dict[int, ChangedBatch] = {}
    for ended in program.returns_of("forward") if changed else ():
        if ended.context.speculative:
            continue
        results = [one for one in parts(ended.value) if one.shape]
        for result in results:
            for one in _of_result(result, results, changed):
                found.setdefault(id(one.site.node), one)
    return tuple(found.values())


def _of_result(result: Sym, results: list[Sym], changed: set[int]) -> Iterator[ChangedBatch]:
    behind = list(ancestors(result))
    for view in (v for v in behind if v.id in changed):
        before, sizes = source(view), _sizes(view)
        if (
            not isinstance(before, Sym)
            or before.shape is None
            or view.shape is None
            or sizes is None
            or view.site is None
        ):
            continue
        assert result.shape is not None
        if result.shape[0] != view.shape[0] or len(result.shape) != len(view.shape):
            continue
        beside = _kept(before.shape[0], results) or _kept(before.shape[0], _encoded(behind, len(result.shape)))
        if beside is not None:
            yield ChangedBatch(view.site, before.shape, view.shape, *sizes, beside)


def _sizes(view: Sym) -> tuple[int, int] | None:
    """The elements of one row in front of a reshape to feature maps and behind it, where each was one sample's and they differ."""
    before, target = source(view), spread(view.attrs.get("shape"))
    if not isinstance(before, Sym) or before.shape is None or view.shape is None or len(view.shape) < 4:
        return None
    if not target or target[0] != -1:
        return None  # who writes the number of samples out means it
    rows, *rest = before.shape
    sample, row = dims.product(rest), dims.product(view.shape[1:])
    if len(before.shape) != 2 or not counts_samples(rows) or rows == view.shape[0]:
        return None
    return (sample, row) if isinstance(sample, int) and isinstance(row, int) and sample != row else None


def _encoded(behind: list[Sym], rank: int) -> list[Sym]:
    """The feature maps of an encoder on the way to a result."""
    return [one for one in behind if one.op in _CONVOLUTIONS and one.shape is not None and len(one.shape) == rank]


def _kept(rows: Dim, tensors: list[Sym]) -> Sym | None:
    return next((one for one in tensors if one.shape and one.shape[0] == rows), None)
