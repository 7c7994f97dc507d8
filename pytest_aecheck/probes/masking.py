"""Which elements of the input the prediction can see, and which the loss counts."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Masking, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import record
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["observe_masking"]


def observe_masking(bench: Bench) -> Masking:
    """By gradients, in training mode: seen elements have one in the prediction, counted ones in the loss."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    with bench.ready(training=True) as model:
        seen, counted, informative = _sets(bench, model, 0)
        again, _, _ = _sets(bench, model, 1)
    random = seen.shape == again.shape and bool((seen != again).any())
    elements = seen.numel()
    return Masking(
        random=random,
        seen=float(seen.double().mean()),
        counted=float(counted.double().mean()),
        both=float((seen & counted).sum()) / elements,
        neither=float((~seen & ~counted & informative).sum()) / elements,
    )


def _sets(bench: Bench, model: Any, seed: int) -> tuple[Any, Any, Any]:
    """(seen, counted, worth seeing) as boolean tensors in the input's layout."""
    batch = bench.batch(bench.spec.batch_size, 0)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    leaf = x.detach().clone().requires_grad_()
    fed = torch.utils._pytree.tree_map(lambda item: leaf if item is x else item, batch)  # noqa: SLF001
    run = record(bench, model, fed, seed=bench.spec.seed + seed)
    for prediction, target in comparisons(run):
        if Flow.PARAMETER in target.flow or not target.tensor.requires_grad or prediction.tensor.numel() != x.numel():
            continue
        return _seen(prediction, leaf, x), _counted(run.loss, prediction, target, leaf), x != 0
    raise Unavailable("the loss compares no prediction with all of the input")


def _seen(prediction: Value, leaf: Any, x: Any) -> Any:
    cotangent = torch.randn(prediction.tensor.shape, generator=torch.Generator().manual_seed(5)).to(x)
    (gradient,) = torch.autograd.grad(prediction.tensor, leaf, cotangent, retain_graph=True, allow_unused=True)
    return torch.zeros_like(x, dtype=torch.bool) if gradient is None else gradient != 0


def _counted(loss: Any, prediction: Value, target: Value, leaf: Any) -> Any:
    """Elements of the target that count, moved to the input's layout by the target's own gradient."""
    (gradient,) = torch.autograd.grad(loss, prediction.tensor, retain_graph=True, allow_unused=True)
    if gradient is None or gradient.shape != target.tensor.shape:
        raise Unavailable("the loss does not compare the prediction element by element")
    weights = (gradient != 0).to(leaf.dtype) * (
        1 + torch.rand(gradient.shape, generator=torch.Generator().manual_seed(3)).to(leaf)
    )
    (moved,) = torch.autograd.grad(target.tensor, leaf, weights, retain_graph=True, allow_unused=True)
    if moved is None:
        raise Unavailable("the target is not made from the input")
    return moved != 0
