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
from pytest_aecheck.probes.posterior import observe_posteriors
from pytest_aecheck.probes.shared import training_pass

__all__ = ["observe_forecast"]

_SAMPLES = 128
_QUADRATIC = 0.99


def observe_forecast(bench: Bench) -> Forecast:
    """Effective weights of both terms and the data's spectrum."""
    weights = [p.kl_weight for p in observe_posteriors(bench) if p.kl_weight > 0]
    if len(weights) != 1:
        raise Unavailable("not exactly one latent has a KL to N(0, I)")
    scale = _reconstruction_scale(bench)
    x = bench.primary(bench.batch(_SAMPLES, 3)).detach().movedim(bench.batch_axis, 0)
    flat = x.reshape(x.shape[0], -1).double()
    if not torch.isfinite(flat).all() or _distinct(flat) < 32:
        raise Unavailable("fewer than 32 different samples to take a spectrum of")
    eigenvalues = _covariance_eigenvalues(flat)
    # the loss averages over the batch in both terms alike, so the batch size cancels
    noise = weights[0] / (2 * scale)
    largest = float(eigenvalues[0])
    if not largest:
        raise Unavailable("the data are constant")
    gain = float(eigenvalues.sum()) / (2 * noise)
    return Forecast(noise / largest, weights[0], largest, int((eigenvalues > noise).sum()), gain)


def _distinct(flat: Any) -> int:
    """How many rows differ. A random projection tells them apart as surely as comparing them all."""
    direction = torch.randn(flat.shape[1], generator=torch.Generator().manual_seed(11), dtype=flat.dtype)
    return len(torch.unique(flat @ direction.to(flat.device)))


def _covariance_eigenvalues(flat: Any) -> Any:
    """Non-zero eigenvalues of the covariance of the rows, largest first, from the smaller of the two products."""
    centred = flat - flat.mean(0)
    product = centred @ centred.T if centred.shape[0] < centred.shape[1] else centred.T @ centred
    return torch.linalg.eigvalsh(product).clamp_min(0).flip(0) / (len(flat) - 1)


def _reconstruction_scale(bench: Bench) -> float:
    """The a of `a·‖x̂ - x‖²`, if the loss is quadratic in the reconstruction."""
    made = training_pass(bench)
    for pair in made.pairs:
        whole = pair.prediction_shape == pair.target_shape and math.prod(pair.prediction_shape) == made.run.x.numel()
        if whole and pair.slope >= _QUADRATIC and pair.curvature > 0:
            return pair.curvature
    raise Unavailable("the loss is not quadratic in the reconstruction")
