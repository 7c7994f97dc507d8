"""Which code is decoded in which mode?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pytest_aecheck.observations import Modes, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.runs import ones, record, zeros
from pytest_aecheck.probes.shared import evaluation_pass, training_pass
from pytest_aecheck.probes.sites import Site, find_sites

__all__ = ["observe_modes"]

_NAN = float("nan")
_OTHERWISE = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)  # noqa: SLF001 - their common bases
"""Layers whose own change of mode is not asked for."""


def observe_modes(bench: Bench) -> Modes:
    """Look for draws of a latent in both modes and, where only training draws, decode mean and mean + scale."""
    in_training = _draws(training_pass(bench).run.trace)
    in_evaluation = _draws(evaluation_pass(bench).run.trace)
    if not in_training and not in_evaluation:
        raise Unavailable("the model draws no latent of the form mean + scale × noise")
    where = (in_training or in_evaluation)[0].latent.module.strip(".") or "the model"
    distances = _distances(bench) if in_training and not in_evaluation else (_NAN, _NAN)
    return Modes(where, bool(in_training), bool(in_evaluation), *distances)


def _draws(trace: Any) -> list[Site]:
    return [site for site in find_sites(trace) if site.reparameterized]


def _distances(bench: Bench) -> tuple[float, float]:
    """How far what is evaluated lies from what training decodes of the mean, and of mean + scale."""
    evaluated = _decoded(bench, training=False, noise=zeros)
    largest = float(evaluated.abs().max())
    if not largest:
        return _NAN, _NAN
    mean, shifted = (_decoded(bench, training=True, noise=noise) for noise in (zeros, ones))
    return tuple(float((evaluated - one).abs().max()) / largest for one in (mean, shifted))  # type: ignore[return-value]


def _decoded(bench: Bench, *, training: bool, noise: Any) -> torch.Tensor:
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=training) as model:
        for module in model.modules():
            if isinstance(module, _OTHERWISE):
                module.eval()
        run = record(bench, model, batch, seed=bench.spec.seed, noise=noise, with_loss=False)
    x_hat = run.maybe_reconstruction()
    if x_hat is None:
        raise Unavailable("no output has the shape of the input")
    found: torch.Tensor = x_hat.tensor.detach().double()
    return found
