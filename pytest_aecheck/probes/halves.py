"""Layers whose output is split in two, and whose loss looks at one half only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.trace import Flow

__all__ = ["idle_halves"]

_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
_SPLITS = frozenset({"chunk", "split", "tensor_split", "narrow", "__getitem__", "getitem", "unbind"})
_FEWEST = 4
"""Output units: of two, chance may well have one at rest."""


def idle_halves(run: Run, model: Any, gradients: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The weights of split layers, and which half of their output units has a gradient of exactly zero, while all others have one.

    Where nothing is drawn, as in a VAE that decodes the mean and is trained without its KL, a scale may well be left out.
    """
    if run.loss is None or Flow.NOISE not in run.trace.value(run.loss).flow:
        return
    for name, parameter in model.named_parameters():
        gradient = gradients.get(name)
        if gradient is None or gradient.is_sparse or gradient.dim() < 2 or not _is_split(run, parameter):
            continue
        idle = (gradient.flatten(1) == 0).all(1)
        count = len(idle)
        if count < _FEWEST or count % 2:
            continue
        first, second = idle[: count // 2], idle[count // 2 :]
        if bool(second.all()) and not bool(first.any()):
            yield name, "second"
        elif bool(first.all()) and not bool(second.any()):
            yield name, "first"


def _is_split(run: Run, parameter: Any) -> bool:
    """Whether one layer applies the weight, and the program takes its output apart."""
    value = run.trace.current.get(id(parameter))
    match value.consumers if value is not None else []:
        case [applied] if applied.name in _LAYERS:
            return any(call.name in _SPLITS for call in applied.out.consumers)
        case _:
            return False
