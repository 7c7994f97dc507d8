"""In adversarial training: which generated samples were cut from their generator, and what the loss then does with them.

A player that tells generated samples from real ones is given them detached. Where the loss pulls detached samples to where the
real ones belong, as the generator's own loss would, nobody learns from it.
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Players, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.lineage import descendants
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Call, Flow, Trace, Value

__all__ = ["observe_players"]

_FITS = 1e-3
_MOST_VALUES = 64
_SCORED = frozenset({"binary_cross_entropy_with_logits", "binary_cross_entropy"})


def observe_players(bench: Bench) -> Players:
    """Follow every detached sample that was made from noise alone to the terms of the loss."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    run = training_pass(bench).run
    cuts = [call for call in run.trace.named("detach", "data") if _generated(call) or _reconstructed(call, run.x)]
    if not cuts or not run.loss.requires_grad:
        raise Unavailable("the loss is given no generated sample that is detached")
    from_noise = [value for cut in cuts if _generated(cut) for value in descendants(cut.outputs)]
    return Players(
        cuts=len(cuts),
        where=cuts[0].module.strip(".") or "the loss",
        pulled_to_prior=any(_pulled_to_zero(run.loss, value) for value in from_noise[:_MOST_VALUES]),
        labelled_real=_same_label(run.trace, cuts),
    )


def _generated(call: Call) -> bool:
    """Whether a call cuts off what trained layers made from noise, and from nothing else."""
    flow = call.inputs[0].flow if call.inputs else Flow.NOTHING
    return Flow.NOISE in flow and Flow.PARAMETER in flow and Flow.INPUT not in flow


def _reconstructed(call: Call, x: Any) -> bool:
    """Whether a call cuts off what trained layers made of the batch, in the shape of the batch."""
    if not call.inputs:
        return False
    made = call.inputs[0]
    return Flow.INPUT in made.flow and Flow.PARAMETER in made.flow and made.tensor.shape == x.shape


def _pulled_to_zero(loss: Any, value: Value) -> bool:
    """Whether the gradient is `c · value` with c > 0 in all elements: what a KL to N(0, I) leaves at a mean."""
    tensor = value.tensor
    if not tensor.requires_grad or tensor.dim() < 2 or not tensor.is_floating_point():
        return False
    (gradient,) = torch.autograd.grad(loss, tensor, retain_graph=True, allow_unused=True)
    if gradient is None:
        return False
    g, v = gradient.double().reshape(-1), tensor.detach().double().reshape(-1)
    size = float(g.norm())
    if not size or not bool((v < 0).any()):
        return False
    c = float(g @ v / (v @ v))
    return c > 0 and float((g - c * v).norm()) / size < _FITS


def _same_label(trace: Trace, cuts: list[Call]) -> bool:
    """Whether scores of detached samples and scores of real ones are compared with one and the same label."""
    followed = {id(value) for cut in cuts for value in descendants(cut.outputs)}
    attached = {id(value) for cut in cuts for value in descendants(cut.inputs[:1])} - followed
    labels: dict[bool, set[float]] = {True: set(), False: set()}
    for call in trace.calls:
        if call.name not in _SCORED or len(call.inputs) < 2:
            continue
        score, label = call.inputs[0], call.inputs[1].tensor
        if bool((label == label.reshape(-1)[:1]).all()) and Flow.INPUT not in call.inputs[1].flow:
            fake = id(score) in followed
            if fake or (Flow.INPUT in score.flow and Flow.NOISE not in score.flow and id(score) not in attached):
                labels[fake].add(float(label.reshape(-1)[0]))
    return bool(labels[True] & labels[False])
