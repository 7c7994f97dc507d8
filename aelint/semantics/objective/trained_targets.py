"""Targets that pass a normalisation with weights, which training may shrink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.objective.comparisons import Comparison, comparisons

__all__ = ["TrainedTarget", "trained_targets"]

_CUTS = frozenset({"detach", "no_grad"})
_KINDS = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "squared", "absolute"})


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTarget:
    """A comparison, and the layer with weights that made its target from data."""

    comparison: Comparison
    layer: Object
    used: Site


def trained_targets(program: Program) -> Iterator[TrainedTarget]:
    """Comparisons of an output with data behind an affine normalisation that gets their gradient; each once."""
    told: set[int] = set()
    for one in comparisons(program):
        if one.kind not in _KINDS or one.target is None or id(one.site.node) in told:
            continue
        made = next((a for a in ancestors(one.target, _CUTS) if _has_weights(a)), None)
        if made is None or made.site is None or not isinstance(made.layer, Object) or _without_gradient(program, made):
            continue
        told.add(id(one.site.node))
        yield TrainedTarget(one, made.layer, made.site)


def _has_weights(value: Sym) -> bool:
    if not value.op.endswith("_norm") or not isinstance(value.layer, Object):
        return False
    settings = value.layer.bound
    return settings.get("affine", settings.get("elementwise_affine")) is True


def _without_gradient(program: Program, made: Sym) -> bool:
    return any(c.result is made and c.context.no_grad for c in program.calls)
