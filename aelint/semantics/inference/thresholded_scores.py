"""Areas under curves over all thresholds, of predictions that a threshold has made already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.syntax.signatures import asked_for

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
        match _cast(_scores(call, measure)):
            case Sym(op=op, site=Site() as site) if op in _TESTS:
                yield ThresholdedScore(call.site, measure, site)
            case _:
                pass


def _scores(call: Call, measure: str) -> Value:
    """What a call that goes through all thresholds is given as scores: of scikit-learn, or the project's own by its names."""
    if measure in _CURVES:
        return call.kwargs.get("y_score", call.args[1] if len(call.args) > 1 else None)
    if not isinstance(call.callee, Function) or not _OWN_CURVE.search(measure.lower()):
        return None
    given = {**dict(zip(asked_for(call.callee.node), call.args, strict=False)), **call.kwargs}
    scores = [name for name in given if _SCORES.search(name) and not _LABELS.search(name)]
    return given[scores[0]] if len(scores) == 1 and any(_LABELS.search(name) for name in given) else None


_OWN_CURVE = re.compile(r"(^|_)(au_?roc|roc_?auc|auc|au_?prc?|average_precision)($|_)")
_LABELS = re.compile(r"^y$|label|target|truth|(^|_)(gt|true|test)($|_)")
_SCORES = re.compile(r"score|pred|prob|value|output|error|dist")


def _cast(value: Value) -> Value:
    """The value before it was turned into numbers, those of numpy among them."""
    value = through(value, _CASTS)
    match value:
        case Sym(op="call", attrs={"method": "astype"}, inputs=(inner, *_)):
            return _cast(inner)
        case _:
            return value
