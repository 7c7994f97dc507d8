"""The evaluation forward: shapes, spread over the samples, side effects."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import Hygiene, Output, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.runs import record
from pytest_aecheck.probes.shared import evaluation_pass
from pytest_aecheck.probes.vocabulary import RANDOM

__all__ = ["observe_hygiene", "observe_output", "rows"]


def rows(tensor: Any, axis: int) -> Any:
    """One row per sample, in double precision, detached."""
    moved = tensor.detach().movedim(axis, 0)
    return moved.reshape(moved.shape[0], -1).to(torch.float64)


def observe_output(bench: Bench) -> Output:
    """Run the declared batch once in evaluation mode and look at the reconstruction."""
    batch = bench.batch(bench.spec.batch_size, 0)
    output = evaluation_pass(bench).output
    x = bench.primary(batch)
    found = leaves(output)
    try:
        x_hat = bench.reconstruction(output, batch)
    except AmbiguousOutputError as ambiguous:
        raise Unavailable(str(ambiguous)) from ambiguous
    axis = bench.batch_axis if x_hat.dim() > bench.batch_axis else 0
    flat = rows(x_hat, axis)
    largest = float(flat.abs().max()) if flat.numel() else 0.0
    spread = float((flat - flat[:1]).abs().max()) if flat.numel() else 0.0
    return Output(
        input_shape=tuple(x.shape),
        input_dtype=str(x.dtype),
        input_device=str(x.device),
        input_floating=x.is_floating_point(),
        found=tuple(f"{leaf.path} {tuple(leaf.tensor.shape)}" for leaf in found),
        shape=tuple(x_hat.shape),
        dtype=str(x_hat.dtype),
        device=str(x_hat.device),
        finite=bool(torch.isfinite(x_hat).all()),
        varies_over_input=bool((rows(x, bench.batch_axis) != rows(x, bench.batch_axis)[:1]).any()),
        relative_spread=spread / largest if largest else 0.0,
        epsilon=float(torch.finfo(x_hat.dtype).eps),
        distinct_error=_fvu(x_hat, x),
    )


def _fvu(x_hat: Any, x: Any) -> float:
    """Fraction of variance unexplained: mean squared error over the data's variance."""
    if x_hat.numel() != x.numel() or not x.is_floating_point():
        return float("nan")
    a, b = x_hat.detach().double().reshape(-1), x.detach().double().reshape(-1)
    variance = float(b.var(unbiased=False))
    return float((a - b).pow(2).mean()) / variance if variance else float("nan")


def observe_hygiene(bench: Bench) -> Hygiene:
    """Call the model twice in evaluation mode under one seed and compare what was there before and after."""
    batch = bench.batch(bench.spec.batch_size, 0)
    x = bench.primary(batch)
    version = x._version  # noqa: SLF001 - counts writes, also those that store the value already there
    with bench.ready(training=False) as model:
        modes = {name: module.training for name, module in model.named_modules()}
        state = _state(model)
        run = record(bench, model, batch, seed=bench.spec.seed, with_loss=False)
        grad_mode = not torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        changed_modes = tuple(
            n or "the model" for n, module in model.named_modules() if module.training != modes.get(n, module.training)
        )
        changed_state = tuple(
            name for name, value in _state(model).items() if name in state and not _same(value, state[name])
        )
        modified = x._version != version  # noqa: SLF001
    again = evaluation_pass(bench)
    first, second = leaves(run.output), leaves(again.output)
    gap = 0.0
    for a, b in zip(first, second, strict=False):
        if a.tensor.shape == b.tensor.shape and not torch.equal(a.tensor, b.tensor):
            gap = max(gap, float((a.tensor.detach().double() - b.tensor.detach().double()).abs().nan_to_num().max()))
    draws = tuple(sorted({call.name for call in run.trace.named(*RANDOM)}))
    return Hygiene(changed_modes, grad_mode, modified, changed_state, gap == 0.0, gap, draws)


def _state(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in [*model.named_parameters(), *model.named_buffers()]}


def _same(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()))
