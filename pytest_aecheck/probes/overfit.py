"""Can the model learn one small batch? The only probe that trains."""

from __future__ import annotations

import copy
from typing import Any

import torch

from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import Overfit, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.runs import record, zeros
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.wording import said

__all__ = ["observe_overfit"]

_LEARNED = 0.9
_SAMPLES = 8
_STEPS = 400
_EVERY = 20
_RATE = 3e-3


def observe_overfit(bench: Bench) -> Overfit:
    """Train a copy on eight samples with Adam until the reconstruction from the mean explains a tenth of the variance."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    batch = bench.batch(_SAMPLES, 0)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    logits = ("binary_cross_entropy_with_logits", "cross_entropy")
    if any(training_pass(bench).run.trace.named(*logits)):
        raise Unavailable("the model gives logits, which are not comparable with the data")
    with preserved(), seeded(bench.spec.seed):
        try:
            model = copy.deepcopy(bench.model)
        except Exception as error:
            raise Unavailable(f"the model cannot be copied: {said(error)}") from error
        return _trained(bench, model, batch)


def _trained(bench: Bench, model: Any, batch: Any) -> Overfit:
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise Unavailable("no parameter of the model is trained")
    optimizer = torch.optim.Adam(trained, lr=_RATE)
    first = best = _unexplained(bench, model, batch)
    for step in range(1, _STEPS + 1):
        model.train()
        optimizer.zero_grad()
        bench.loss(model, batch).backward()
        optimizer.step()
        if step % _EVERY == 0:
            best = min(best, _unexplained(bench, model, batch))
            if best < _LEARNED:
                return Overfit(step, first, best)
    return Overfit(_STEPS, first, best)


def _unexplained(bench: Bench, model: Any, batch: Any) -> float:
    """Squared error over the variance of the batch, in evaluation mode and without noise."""
    model.eval()
    run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
    try:
        x_hat = bench.reconstruction(run.output, batch).detach()
    except AmbiguousOutputError as ambiguous:
        raise Unavailable(str(ambiguous)) from ambiguous
    data, again = (rows(t, bench.batch_axis) for t in (run.x, x_hat))
    spread = float((data - data.mean(0)).pow(2).mean())
    if not spread or data.shape != again.shape:
        raise Unavailable("the data are constant, or the reconstruction has another size")
    return float((again - data).pow(2).mean()) / spread
