"""Areas under curves over all thresholds, of predictions that a threshold has made already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value

__all__ = ["ThresholdedScore", "thresholded_scores"]

_CURVES = frozenset({"roc_auc_score", "average_precision_score", "roc_curve", "precision_recall_curve"})
_CASTS = RESHAPES | {"int", "long", "bool", "numpy", "detach", "tolist"}
_TESTS = frozenset({"gt", "ge", "lt", "le"})


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdedScore:
    """A call that goes through all thresholds, and where what it is given was compared with one of them."""

    site: Site
    measure: str
    threshold: Site


def thresholded_scores(program: Program) -> Iterator[ThresholdedScore]:
    """`roc_auc_score(labels, (scores > threshold).long())`: a curve of one point."""
    for call in program.calls:
        measure = call.name.rpartition(".")[2]
        if measure not in _CURVES:
            continue
        given = call.kwargs.get("y_score", call.args[1] if len(call.args) > 1 else None)
        match _cast(given):
            case Sym(op=op, site=Site() as site) if op in _TESTS:
                yield ThresholdedScore(call.site, measure, site)
            case _:
                pass


def _cast(value: Value) -> Value:
    """The value before it was turned into numbers, those of numpy among them."""
    value = through(value, _CASTS)
    match value:
        case Sym(op="call", attrs={"method": "astype"}, inputs=(inner, *_)):
            return _cast(inner)
        case _:
            return value
