"""The two passes that most questions share: one in training mode with the loss, one in evaluation mode.

What needs the training pass's graph is read at once, because a later probe may move the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.observations import OperandPair
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import operand_pairs
from pytest_aecheck.probes.runs import Run, record

__all__ = ["TrainingPass", "evaluation_pass", "training_pass"]


@dataclass(slots=True, eq=False)
class TrainingPass:
    """A recorded training forward, the loss's gradients, and what the loss compares."""

    run: Run
    gradients: dict[str, Any]
    """Parameter name -> gradient, or None where the loss does not reach it."""
    pairs: tuple[OperandPair, ...]
    moved: frozenset[str]
    """Parameters that the forward itself changed."""


def training_pass(bench: Bench) -> TrainingPass:
    """Made on first use."""
    if "training" not in bench.memory:
        bench.memory["training"] = _train(bench)
    made: TrainingPass = bench.memory["training"]
    return made


def _train(bench: Bench) -> TrainingPass:
    with bench.ready(training=True) as model:
        named = dict(model.named_parameters())
        before = {name: (p, _version(p), p.detach().clone()) for name, p in named.items()}
        run = record(bench, model, bench.batch(bench.spec.batch_size, 0), seed=bench.spec.seed)
        moved = frozenset(
            name
            for name, (p, version, value) in before.items()
            if _version(p) != version and not torch.equal(p.detach(), value)
        )
        gradients: dict[str, Any] = dict.fromkeys(named)
        if run.loss is not None and run.loss.requires_grad:
            trained = {name: p for name, p in named.items() if p.requires_grad}
            found = (
                torch.autograd.grad(run.loss, list(trained.values()), allow_unused=True, retain_graph=True)
                if trained
                else ()
            )
            gradients.update(zip(trained, found, strict=True))
        return TrainingPass(run, gradients, operand_pairs(run), moved)


def _version(tensor: Any) -> int:
    """How often a tensor was written to in place."""
    return int(tensor._version)  # noqa: SLF001 - torch counts writes, and tells it nowhere else


def evaluation_pass(bench: Bench) -> Run:
    """A recorded evaluation forward of the declared batch. Made on first use."""
    if "evaluation" not in bench.memory:
        with bench.ready(training=False) as model:
            bench.memory["evaluation"] = record(
                bench, model, bench.batch(bench.spec.batch_size, 0), seed=bench.spec.seed, with_loss=False
            )
    made: Run = bench.memory["evaluation"]
    return made
