"""What a trained model does with more data than one batch."""

from __future__ import annotations

from typing import Any

from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import Fitted, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.posterior import latent_draws
from pytest_aecheck.probes.runs import Run, record, zeros

__all__ = ["observe_fitted"]

_SAMPLES = 256
_ACTIVE = 0.01
"""Variance of a unit's mean over the data above which Burda et al. (2016) call it active."""


def observe_fitted(bench: Bench) -> Fitted:
    """Reconstruct 256 samples in evaluation mode without noise."""
    batch = bench.batch(_SAMPLES, 5)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    with bench.ready(training=False) as model:
        run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
        try:
            x_hat = bench.reconstruction(run.output, batch).detach()
        except AmbiguousOutputError as ambiguous:
            raise Unavailable(str(ambiguous)) from ambiguous
        active, units = _active_units(run)
    flat, again = (t.movedim(bench.batch_axis, 0).reshape(x.shape[bench.batch_axis], -1).double() for t in (x, x_hat))
    residual = (again - flat).pow(2).mean(1)
    spread = float((flat - flat.mean(0)).pow(2).mean())
    if not spread:
        raise Unavailable("the data are constant")
    n = len(flat)
    return Fitted(
        samples=n,
        fvu=float(residual.mean()) / spread,
        fvu_error=float(residual.std()) / spread / n**0.5,
        active_units=active,
        units=units,
    )


def _active_units(run: Run) -> tuple[int, int]:
    """(active, all) units of the first latent, (0, 0) where none is drawn in evaluation mode."""
    draws: list[Any] = latent_draws(run.trace)
    if not draws:
        return 0, 0
    mean = draws[0].mean.tensor.detach()
    variance = mean.reshape(mean.shape[0], -1).double().var(0)
    return int((variance > _ACTIVE).sum()), int(variance.numel())
