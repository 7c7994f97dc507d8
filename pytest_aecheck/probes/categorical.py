"""Relaxed categorical latents: what the loss does to the logits when the sample is cut off.

For a KL of q = softmax(h) to the uniform distribution the gradient at the logits h is `c·q (log q - Σ q log q)`.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from pytest_aecheck.observations import Categorical, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import logits_behind
from pytest_aecheck.probes.runs import record
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.sites import root_of
from pytest_aecheck.probes.trace import Call, Flow, Trace

__all__ = ["observe_categoricals"]

_DISTANCES = ("abs", "pow", "square", "__pow__")


def observe_categoricals(bench: Bench) -> tuple[Categorical, ...]:
    """Every softmax with noise in it, in a training forward."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    batch = bench.batch(bench.spec.batch_size, 0)
    draws = _draws(training_pass(bench).run.trace)
    if not draws:
        raise Unavailable("the model draws no relaxed categorical latent")
    with bench.ready(training=True) as model:
        return tuple(_observed(bench, model, batch, draw) for draw in draws[:4])


def _draws(trace: Trace) -> list[Call]:
    return [
        call
        for call in trace.named("softmax", "gumbel_softmax")
        if call.inputs
        and (call.name == "gumbel_softmax" or Flow.NOISE in call.inputs[0].flow)
        and Flow.PARAMETER in call.inputs[0].flow
    ]


def _observed(bench: Bench, model: Any, batch: Any, draw: Call) -> Categorical:
    dim = draw.kwargs.get("dim", draw.args[1] if draw.name == "softmax" and len(draw.args) > 1 else -1)
    classes = draw.inputs[0].tensor.shape[dim]
    nothing = Categorical(draw.module, classes, math.nan, math.nan)
    source = logits_behind(draw.inputs[0])
    root = root_of(source)
    if root is None or source.tensor.shape[dim if dim < 0 else -1] % classes:
        return nothing
    leaves: dict[str, Any] = {}

    def logits(tensor: Any) -> Any:
        values = 1.5 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(7)).to(tensor)
        leaves["logits"] = values.requires_grad_()
        return leaves["logits"]

    def sample(tensor: Any) -> Any:
        return tensor.detach()

    run = record(bench, model, batch, seed=bench.spec.seed, override={root.key: logits, (draw.index, 0): sample})
    if "logits" not in leaves or not run.loss.requires_grad or _has_capacity(run.trace, leaves["logits"]):
        return nothing
    (gradient,) = torch.autograd.grad(run.loss, leaves["logits"], allow_unused=True)
    if gradient is None or not bool((gradient != 0).any()):
        return nothing
    best = nothing
    for length in {classes, leaves["logits"].shape[-1]}:
        weight, residual = _fit(leaves["logits"], gradient, length)
        if math.isnan(best.residual) or residual < best.residual:
            best = Categorical(draw.module, length, weight, residual)
    return best


def _has_capacity(trace: Trace, logits: Any) -> bool:
    """Whether the loss holds the distance of a term on the logits from some value: `|KL - C|`, which pushes outwards below C."""
    return any(
        call.inputs
        and call.inputs[0].tensor.numel() == 1
        and call.inputs[0].tensor.requires_grad
        and torch.autograd.grad(call.inputs[0].tensor, logits, retain_graph=True, allow_unused=True)[0] is not None
        for call in trace.named(*_DISTANCES)
    )


def _fit(logits: Any, gradient: Any, classes: int) -> tuple[float, float]:
    """Least-squares c and relative residual, with the classes on the last axis."""
    if logits.numel() % classes:
        return math.nan, math.inf
    h = logits.detach().double().reshape(-1, classes)
    log_q = h.log_softmax(-1)
    q = log_q.exp()
    expected = (q * (log_q - (q * log_q).sum(-1, keepdim=True))).reshape(-1)
    g = gradient.detach().double().reshape(-1)
    c = float(g @ expected / (expected @ expected))
    return c, float((g - c * expected).norm() / g.norm())
