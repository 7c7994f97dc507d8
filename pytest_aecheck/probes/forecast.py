"""Will the posterior collapse? Read off the loss before training.

Around its minimum a quadratic reconstruction term is `a·‖x̂ - x‖²` and a KL is `b·KL`. For a linear VAE the
optimum has zero active units exactly where the noise that the loss implies, `b / 2a`, exceeds the largest
variance of the data in any direction (Lucas et al. 2019, "Don't Blame the ELBO!"); the eigenvalues above it
count the active units.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from pytest_aecheck.observations import Forecast, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.posterior import observe_posteriors
from pytest_aecheck.probes.runs import record, zeros
from pytest_aecheck.probes.trace import Flow

__all__ = ["observe_forecast"]

_SAMPLES = 256
_QUADRATIC = 0.99


def observe_forecast(bench: Bench) -> Forecast:
    """Effective weights of both terms and the data's spectrum."""
    weights = [p.kl_weight for p in observe_posteriors(bench) if p.kl_weight > 0]
    if len(weights) != 1:
        raise Unavailable("not exactly one latent has a KL to N(0, I)")
    scale = _reconstruction_scale(bench)
    x = bench.primary(bench.batch(_SAMPLES, 3)).detach().movedim(bench.batch_axis, 0)
    flat = x.reshape(x.shape[0], -1).double()
    if not torch.isfinite(flat).all() or len(torch.unique(flat, dim=0)) < 32:
        raise Unavailable("fewer than 32 different samples to take a spectrum of")
    eigenvalues = torch.linalg.svdvals(flat - flat.mean(0)) ** 2 / (len(flat) - 1)
    # the loss averages over the batch in both terms alike, so the batch size cancels
    noise = weights[0] / (2 * scale)
    largest = float(eigenvalues[0])
    if not largest:
        raise Unavailable("the data are constant")
    return Forecast(noise / largest, weights[0], scale, largest, int((eigenvalues > noise).sum()))


def _reconstruction_scale(bench: Bench) -> float:
    """A of `a·‖x̂ - x‖²`, if the loss is quadratic in the reconstruction."""
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=True) as model:
        run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros)
        for prediction, target in comparisons(run):
            if (
                Flow.PARAMETER in target.flow
                or prediction.tensor.shape != target.tensor.shape
                or prediction.tensor.numel() != run.x.numel()
            ):
                continue
            scale, cosine = _quadratic(run.loss, prediction.tensor, target.tensor)
            if cosine >= _QUADRATIC and scale > 0:
                return scale
    raise Unavailable("the loss is not quadratic in the reconstruction")


def _quadratic(loss: Any, prediction: Any, target: Any) -> tuple[float, float]:
    (gradient,) = torch.autograd.grad(loss, prediction, retain_graph=True, allow_unused=True)
    if gradient is None:
        return math.nan, 0.0
    error = (prediction - target).detach().double().reshape(-1)
    g = gradient.double().reshape(-1)
    return float(g @ error / (2 * error @ error)), float(g @ error / (g.norm() * error.norm()).clamp_min(1e-300))
