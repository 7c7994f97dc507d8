"""Terms of a loss that only count or choose: their values change in steps, and no gradient comes back from them."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.probes.lineage import ancestors
from pytest_aecheck.probes.runs import Run, graph_leaves
from pytest_aecheck.probes.summands import summands
from pytest_aecheck.probes.trace import Call, Flow
from pytest_aecheck.probes.vocabulary import VIEWS

__all__ = ["counted_term"]

_CHOICES = frozenset(
    {"gt", "lt", "ge", "le", "eq", "ne", "greater", "less", "argmax", "argmin"}
    | {"one_hot", "count_nonzero", "bucketize", "searchsorted", "heaviside", "topk", "sort"}
)
"""Functions whose result has no graph."""
_ROUNDINGS = frozenset({"round", "floor", "ceil", "trunc", "sign"})
"""Functions through which a gradient of zero comes back."""
_CUTS = frozenset({"detach", "detach_", "requires_grad_"})


def counted_term(run: Run) -> str:
    """The step function (a comparison, an argmax) through which alone a term of the loss depends on the network; "" if none.

    A term that was detached, or computed without a graph, was left out on purpose.
    """
    if run.loss is None or not run.loss.requires_grad:
        return ""
    for term in summands(run.trace.value(run.loss), VIEWS - _CUTS):
        if isinstance(term, float) or not {Flow.INPUT, Flow.PARAMETER} <= set(term.flow):
            continue
        behind = [run.trace.calls[index] for index in sorted(ancestors(term))]
        steps = _ROUNDINGS if term.tensor.requires_grad else _CHOICES
        step = next((call.name for call in reversed(behind) if _is_step(call, steps)), "")
        if step and not any(call.name in _CUTS or not call.grad for call in behind) and _has_no_slope(term.tensor):
            return step
    return ""


def _is_step(call: Call, steps: frozenset[str]) -> bool:
    return call.name.rstrip("_") in steps and any(value.tensor.requires_grad for value in call.inputs)


def _has_no_slope(term: Any) -> bool:
    """Whether the gradient of a term is zero at all it was computed from, where it has one at all."""
    if not term.requires_grad:
        return True
    gradients = torch.autograd.grad(term.sum(), graph_leaves(term), allow_unused=True, retain_graph=True)
    return not any(bool(gradient.any()) for gradient in gradients if gradient is not None)
