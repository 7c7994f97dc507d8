"""Do the steps that only fill sequences up count, in the loss or in what is made of the others?"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import MorePadding, Padding, Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import Run, record, replaced_primary, zeros
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Flow

__all__ = ["observe_more_padding", "observe_padding"]

_MORE = 2


def observe_padding(bench: Bench) -> Padding:
    """The gradient at the scores of padded steps. What padding is, an `Embedding(padding_idx=...)` of the model says."""
    pad = _token(bench)
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    run = training_pass(bench).run
    if run.x.is_floating_point() or run.x.dim() != 2:
        raise Unavailable("the input is not a batch of token sequences")
    if not _at_the_end(run.x if bench.batch_axis == 0 else run.x.t(), pad):
        raise Unavailable("the batch holds no padded sequence")
    return _counted(run, pad)


def _token(bench: Bench) -> int:
    """The token that fills up, where the model's embeddings agree on one."""
    known = {m.padding_idx for m in bench.model.modules() if isinstance(m, torch.nn.Embedding)} - {None}
    if len(known) != 1:
        raise Unavailable("no embedding of the model says which token is padding")
    (pad,) = known
    return int(pad)


def observe_more_padding(bench: Bench) -> MorePadding:
    """Append padded steps to every sequence, and compare what the others are decoded to."""
    pad = _token(bench)
    batch = bench.batch(bench.spec.batch_size, 0)
    x = bench.primary(batch)
    if x.is_floating_point() or x.dim() != 2:
        raise Unavailable("the input is not a batch of token sequences")
    along = 1 - bench.batch_axis
    tokens = x if along == 1 else x.t()
    real = tokens != pad
    if bool(real[:, 1:].gt(real[:, :-1]).any()):
        raise Unavailable("padding is not at the end of the sequences")
    filled = torch.cat([x, torch.full_like(x.narrow(along, 0, 1), pad).repeat_interleave(_MORE, along)], along)
    short, long = _scores(bench, batch), _scores(bench, replaced_primary(bench, batch, filled))
    if short is None or long is None or long.dim() != short.dim():
        raise Unavailable("no output has the shape of the scores of a sequence")
    a, b = short.movedim(along, 1), long.movedim(along, 1)[:, : tokens.shape[1]]
    if a.shape != b.shape or a.shape[:2] != tokens.shape:
        raise Unavailable("no output has an axis of steps")
    largest = float(a.abs().max())
    return MorePadding(float((a - b)[real].abs().max()) / largest if largest else 0.0, int(real.sum()))


def _scores(bench: Bench, batch: Any) -> Any:
    """The evaluated reconstruction of a batch, axes of samples and steps first."""
    with bench.ready(training=False) as model:
        try:
            run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
        except ModelRaised as refused:
            raise Unavailable("the model takes sequences of one length only") from refused
    x_hat = run.maybe_reconstruction()
    return None if x_hat is None else x_hat.tensor.detach().double()


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
