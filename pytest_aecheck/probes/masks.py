"""Which elements of the input a recorded run's prediction sees, and which its loss counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["Counted", "counted_elements", "seen_elements"]

_SELECTING = frozenset({"getitem", "masked_select"})


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What the loss counts, as a boolean tensor in the input's layout, and the prediction that it judges."""

    elements: Any
    prediction: Value

    @property
    def everything(self) -> bool:
        """Whether no element is left out."""
        return bool(self.elements.all())


def counted_elements(run: Run, leaf: Any) -> Counted:
    """Elements of the target that count, moved to the input's layout by the target's own gradient."""
    if run.loss is None:
        raise Unavailable("no loss was declared")
    if leaf is None:
        raise Unavailable("the input cannot carry a gradient")
    for prediction, target in comparisons(run):
        if Flow.PARAMETER in target.flow or not target.tensor.requires_grad:
            continue
        whole = _whole(prediction)
        if whole.tensor.numel() == leaf.numel() and prediction.tensor.requires_grad:
            return Counted(_counted(run.loss, prediction, target, leaf), whole)
    raise Unavailable("the loss compares no prediction with all of the input")


def _whole(prediction: Value) -> Value:
    """What a prediction was selected from, as `prediction[mask]` is."""
    call = prediction.producer
    return call.inputs[0] if call is not None and call.name in _SELECTING and call.inputs else prediction


def _counted(loss: Any, prediction: Value, target: Value, leaf: Any) -> Any:
    (gradient,) = torch.autograd.grad(loss, prediction.tensor, retain_graph=True, allow_unused=True)
    if gradient is None or gradient.shape != target.tensor.shape:
        raise Unavailable("the loss does not compare the prediction element by element")
    weights = (gradient != 0).to(leaf.dtype) * (
        1 + torch.rand(gradient.shape, generator=torch.Generator().manual_seed(3)).to(leaf)
    )
    (moved,) = torch.autograd.grad(target.tensor, leaf, weights.to(target.tensor), retain_graph=True, allow_unused=True)
    if moved is None:
        raise Unavailable("the target is not made from the input")
    return moved != 0


def seen_elements(prediction: Value, leaf: Any) -> Any:
    """Elements of the input that have a gradient in the prediction."""
    generator = torch.Generator().manual_seed(5)
    cotangent = torch.randn(prediction.tensor.shape, generator=generator).to(prediction.tensor)
    (gradient,) = torch.autograd.grad(prediction.tensor, leaf, cotangent, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf, dtype=torch.bool) if gradient is None else gradient != 0
