"""Codebooks that keep their first values while averages of the codes are kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import torch

from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.shared import TrainingPass

__all__ = ["idle_codebook"]

_MORE_PASSES = 3
"""Some models put their averages into the codebook at the beginning of the next forward."""


def idle_codebook(bench: Bench, training: TrainingPass, used: AbstractSet[str]) -> tuple[str, str]:
    """The table that codes are looked up in and that nothing changes, and the average beside it that is kept for nothing."""
    for average in training.tables.keys() - used:
        shape, module = training.tables[average][1].shape, average.rpartition(".")[0]
        for name, table in _held(bench.model).items():
            beside = name in used and name.rpartition(".")[0] == module and table.shape == shape
            if beside and name not in training.tables and training.gradients.get(name) is None:
                return (name, average) if _stays(bench, name) else ("", "")
    return "", ""


def _stays(bench: Bench, name: str) -> bool:
    with bench.ready(training=True) as model, torch.no_grad():
        before = _held(model)[name].detach().clone()
        for seed in range(_MORE_PASSES):
            bench.call(model, bench.batch(bench.spec.batch_size, seed))
        return bool(torch.equal(_held(model)[name].detach(), before))


def _held(model: Any) -> Mapping[str, Any]:
    return dict([*model.named_buffers(), *model.named_parameters()])
