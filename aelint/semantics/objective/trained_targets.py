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

_CUTS = frozenset({"detach"})
_KINDS = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "squared", "absolute"})


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTarget:
    """A comparison, and the layer with weights that made its target from data."""

    comparison: Comparison
    layer: Object
    used: Site


def trained_targets(program: Program) -> Iterator[TrainedTarget]:
    """Comparisons of an output with data behind an affine normalisation that gets their gradient."""
    for one in comparisons(program):
        for made in ancestors(one.target, _CUTS) if one.kind in _KINDS else ():
            match made:
                case Sym(layer=Object() as layer, site=Site() as used) if _has_weights(layer):
                    if not _without_gradient(program, made):
                        yield TrainedTarget(one, layer, used)
                    break
                case _:
                    pass


def _has_weights(normalisation: Object) -> bool:
    settings = normalisation.bound
    return settings.get("affine", settings.get("elementwise_affine")) is True


def _without_gradient(program: Program, made: Sym) -> bool:
    return any(c.result is made and c.context.no_grad for c in program.calls)
