"""Layers whose units all start from the same weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pytest_aecheck.observations import Weights
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import seeded

__all__ = ["observe_weights"]

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)  # noqa: SLF001 - the common base has no public name


def observe_weights(bench: Bench) -> Weights:
    """Look for equal rows or columns, and whether a gradient step tells the units apart."""
    with bench.ready(training=True) as model:
        names = [name for name, _, _ in _equal(model)]
        count = sum(isinstance(module, _LAYERS) for module in model.modules())
        still: list[str] = []
        if names and _plain_step(bench, model):
            still = [name for name, _, _ in _equal(model) if name in names]
    return Weights(tuple(names), tuple(still), count)


def _equal(model: Any) -> list[tuple[str, Any, Any]]:
    found = []
    for name, module in model.named_modules():
        if not isinstance(module, _LAYERS) or getattr(module, "groups", 1) > 1:
            continue
        for key, weight in module.named_parameters(recurse=False):
            if weight.dim() >= 2 and weight.requires_grad and _constant_units(weight.detach()):
                found.append((f"{name}.{key}" if name else key, module, weight))
    return found


def _constant_units(weight: Any) -> bool:
    flat = weight.reshape(weight.shape[0], -1)
    if flat.shape[0] < 2 or not bool((flat != 0).any()):
        return False
    across = weight.transpose(0, 1).reshape(weight.shape[1], -1)
    same_rows = bool((flat == flat[:1]).all())
    same_columns = across.shape[0] > 1 and bool((across == across[:1]).all())
    return same_rows or same_columns


def _plain_step(bench: Bench, model: Any) -> bool:
    """One step of plain gradient descent: steps by sign would hide small differences."""
    if bench.spec.loss is None:
        return False
    try:
        with seeded(bench.spec.seed):
            bench.loss(model, bench.batch(bench.spec.batch_size, 0)).backward()
    except Exception:  # noqa: BLE001 - judged elsewhere
        return False
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad)
            parameter.grad = None
    return True
