"""Terms of a loss that only count or choose: their values change in steps, and no gradient comes back from them."""

from __future__ import annotations

from pytest_aecheck.probes.lineage import ancestors
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.trace import Call, Flow, Value

__all__ = ["counted_term"]

_STEPS = frozenset(
    {"gt", "lt", "ge", "le", "eq", "ne", "greater", "less", "sign", "round", "floor", "ceil", "argmax", "argmin"}
    | {"one_hot", "count_nonzero", "bucketize", "searchsorted", "heaviside", "topk", "sort"}
)
_CUTS = frozenset({"detach", "detach_", "requires_grad_"})
_SUMS = frozenset({"add", "sub", "rsub", "neg"})
_FACTORS = frozenset({"mul", "div", "true_divide"})


def counted_term(run: Run) -> str:
    """The step function (a comparison, an argmax) through which alone a term of the loss depends on the network; "" if none.

    A term that was detached, or computed without a graph, was left out on purpose.
    """
    if run.loss is None or not run.loss.requires_grad:
        return ""
    for term in _terms(run.trace.value(run.loss)):
        if term.tensor.requires_grad or not {Flow.INPUT, Flow.PARAMETER} <= set(term.flow):
            continue
        behind = [run.trace.calls[index] for index in sorted(ancestors(term))]
        step = next((call.name for call in reversed(behind) if _loses_gradient(call)), "")
        if step and not any(call.name in _CUTS or not call.grad for call in behind):
            return step
    return ""


def _loses_gradient(call: Call) -> bool:
    given = any(value.tensor.requires_grad for value in call.inputs)
    return call.name.rstrip("_") in _STEPS and given and not any(value.tensor.requires_grad for value in call.outputs)


def _terms(value: Value, depth: int = 12) -> list[Value]:
    """The summands, factors that are numbers looked through."""
    value = through_views(value)
    call = value.producer
    name = call.name.rstrip("_") if call is not None else ""
    if call is None or not depth or name not in _SUMS | _FACTORS or (name in _FACTORS and len(call.inputs) != 1):
        return [value]
    return [term for part in call.inputs for term in _terms(part, depth - 1)]
