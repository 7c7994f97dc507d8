"""Autoencoders as far as the losses show them: the data's size, and the narrowest layer that the reconstruction passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.values import Object, Shape, Sym
from aelint.semantics.objective.comparisons import LEARNED, Comparison, comparisons

__all__ = ["Bottleneck", "bottlenecks", "is_regularized"]


@dataclass(frozen=True, slots=True, eq=False)
class Bottleneck:
    """`data` numbers per sample go in; every path to the reconstruction passes `narrowest`, which gives `code` numbers."""

    data: int
    code: int
    narrowest: Sym
    layer: Object
    widths: tuple[tuple[Object, int], ...]
    """The layers in order with the numbers per sample that each gives."""
    comparison: Comparison


def bottlenecks(program: Program) -> Iterator[Bottleneck]:
    """The autoencoders whose sizes are known, one for each comparison of a reconstruction with its own input."""
    for comparison in comparisons(program):
        prediction, target = comparison.prediction, comparison.target
        size = _per_sample(target.shape) if target is not None else None
        if prediction is None or target is None or size is None or _per_sample(prediction.shape) != size:
            continue
        behind = {one.id for one in ancestors(target)}
        path = [one for one in ancestors(prediction) if one.id not in behind]
        widths = [
            (one, _per_sample(one.shape))
            for one in reversed(path)
            if one.op in LEARNED and isinstance(one.layer, Object)
        ]
        known = [(one, width) for one, width in widths if width is not None]
        if len(known) < 2 or len(known) < len(widths):
            continue
        narrowest, code = min(known[:-1], key=lambda pair: pair[1])
        assert isinstance(narrowest.layer, Object)
        listed = tuple((one.layer, width) for one, width in known if isinstance(one.layer, Object))
        yield Bottleneck(size, code, narrowest, narrowest.layer, listed, comparison)


def _per_sample(shape: Shape | None) -> int | None:
    if shape is None or len(shape) < 2:
        return None
    size = dims.product(shape[1:])
    return size if isinstance(size, int) else None


_REGULARIZING = frozenset(
    {
        "dropout",
        "randn",
        "randn_like",
        "normal",
        "rand",
        "rand_like",
        "bernoulli",
        "rsample",
        "topk",
        "argmin",
        "round",
        "embedding",
    }
)


def is_regularized(program: Program) -> bool:
    """Whether noise, dropout, quantisation or a penalty on tensors other than the reconstruction is in sight."""
    compared = {c.node.id for c in comparisons(program)}
    for node in nodes(program):
        if node.op in _REGULARIZING and not (node.op.startswith("rand") and not node.inputs):
            return True
        if node.op in {"abs", "norm", "kl_div", "logsumexp"} and node.id not in compared:
            return True
    return any("weight_decay" in call.kwargs for call in program.calls)
