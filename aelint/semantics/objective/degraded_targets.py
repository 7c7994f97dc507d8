"""Pairs of data of which one was made from the other, where the loss asks for the worse one and nothing reads the better."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, through
from aelint.semantics.dataflow.liveness import names_read
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.syntax.walk import every

__all__ = ["DegradedTarget", "degraded_targets"]

_ROWS = RESHAPES | {"tensor", "getitem", "index_select", "element", "batch", "stack"}
"""What picks samples and leaves them as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class DegradedTarget:
    """A comparison with the input of the network, and the unread name that stands beside it for what the input was made from."""

    comparison: Comparison
    target: Binding
    original: Binding


def degraded_targets(program: Program) -> Iterator[DegradedTarget]:
    """Each comparison with the input where that was unpacked beside what it was made from, say a picture that was made smaller."""
    found = comparisons(program)
    asked = {one.target.id: one for one in found if _is_input(one) and one.target is not None}
    for binding in program.bindings if asked else ():
        one = asked.get(binding.value.id) if isinstance(binding.value, Sym) else None
        original = _unread_partner(program, binding) if one is not None else None
        if one is None or original is None or not _is_made_from(binding.value, original.value):
            continue
        if not _wanted(original.value, found):
            del asked[binding.value.id]
            yield DegradedTarget(one, binding, original)


def _is_input(one: Comparison) -> bool:
    return one.prediction is not None and one.target is not None and depends_on(one.prediction, one.target)


def _unread_partner(program: Program, binding: Binding) -> Binding | None:
    """What the same statement unpacks beside a value, under a name that its function never reads."""
    function = binding.context.function
    scope = function.node if function is not None else binding.site.unit.tree
    together = next((t for t in every(ast.Tuple, scope) if any(e is binding.site.node for e in t.elts)), None)
    read = names_read(scope)
    unread = [
        e for e in (together.elts if together is not None else ()) if isinstance(e, ast.Name) and e.id not in read
    ]
    if len(unread) != 1 or unread[0].id.startswith("_"):
        return None
    near = [b for b in program.bindings_of(unread[0].id) if b.site.node is unread[0]]
    return min(near, key=lambda b: abs(b.order - binding.order), default=None)


def _is_made_from(target: Sym, original: Value) -> bool:
    """Whether data of the same shape was computed from the other by what loses a part of it; scaling loses nothing."""
    if not isinstance(original, Sym) or target.shape is None or target.shape != original.shape:
        return False
    made, source = through(target, _ROWS), through(original, _ROWS)
    if made is source or not isinstance(made, Sym) or not isinstance(source, Sym) or not depends_on(made, source):
        return False
    before = {one.id for one in ancestors(source)}
    return any(one.op.startswith(_LOSSY) for one in ancestors(made) if one.id not in before)


_LOSSY = (
    "avg_pool",
    "max_pool",
    "adaptive",
    "interpolate",
    "conv",
    "rand",
    "bernoulli",
    "normal",
    "dropout",
    "masked",
    "roll",
    "fft",
)


def _wanted(original: Value, others: list[Comparison]) -> bool:
    """Whether some loss compares with the original."""
    source = through(original, _ROWS)
    return any(through(side, _ROWS) is source for one in others for side in (one.first, one.second))
