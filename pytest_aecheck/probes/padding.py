"""Does the loss count the steps that only fill sequences up?"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Padding, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Flow

__all__ = ["observe_padding"]


def observe_padding(bench: Bench) -> Padding:
    """The gradient at the scores of padded steps. What padding is, an `Embedding(padding_idx=...)` of the model says."""
    known = {m.padding_idx for m in bench.model.modules() if isinstance(m, torch.nn.Embedding)} - {None}
    if len(known) != 1:
        raise Unavailable("no embedding of the model says which token is padding")
    (pad,) = known
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    run = training_pass(bench).run
    if run.x.is_floating_point() or run.x.dim() != 2:
        raise Unavailable("the input is not a batch of token sequences")
    if not _at_the_end(run.x if bench.batch_axis == 0 else run.x.t(), pad):
        raise Unavailable("the batch holds no padded sequence")
    return _counted(run, pad)


def _at_the_end(tokens: Any, pad: int) -> bool:
    """Whether some sequences end in padding of two steps or more, and none holds it anywhere else."""
    padded = tokens == pad
    tail = padded.flip(1).cumprod(1).flip(1).bool()
    return bool((padded == tail).all()) and bool((tail.sum(1) >= 2).any()) and not bool(tail.all(1).any())


def _counted(run: Run, pad: int) -> Padding:
    for scores, target in comparisons(run):
        tensor, tokens = scores.tensor, target.tensor
        if tokens.is_floating_point() or Flow.INPUT not in target.flow or not tensor.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(run.loss, tensor, retain_graph=True, allow_unused=True)
        if gradient is None or tensor.numel() % tokens.numel():
            continue
        classes = 1 if tensor.dim() > 1 else 0
        at = gradient.movedim(classes, -1).reshape(tokens.numel(), -1).abs().amax(1) != 0
        padded = tokens.reshape(-1) == pad
        if bool(padded.any()):
            return Padding(steps=int(padded.sum()), counted=int((padded & at).sum()), tokens=int((~padded & at).sum()))
    raise Unavailable("the loss compares no scores with padded tokens")
