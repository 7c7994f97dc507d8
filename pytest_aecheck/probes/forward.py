"""The evaluation forward: shapes, spread over the samples, side effects."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import Hygiene, Output, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.shared import evaluation_pass
from pytest_aecheck.probes.vocabulary import RANDOM

__all__ = ["observe_hygiene", "observe_output", "rows"]


def rows(tensor: Any, axis: int) -> Any:
    """One row per sample, in double precision, detached."""
    moved = tensor.detach().movedim(axis, 0)
    return moved.reshape(moved.shape[0], -1).to(torch.float64)


def observe_output(bench: Bench) -> Output:
    """Run the declared batch once in evaluation mode and look at the reconstruction."""
    run = evaluation_pass(bench).run
    x, found = run.x, leaves(run.output)
    try:
        x_hat = bench.reconstruction(run.output, run.batch)
    except AmbiguousOutputError as ambiguous:
        raise Unavailable(str(ambiguous)) from ambiguous
    axis = bench.batch_axis if x_hat.dim() > bench.batch_axis else 0
    flat = rows(x_hat, axis)
    largest = float(flat.abs().max()) if flat.numel() else 0.0
    spread = float((flat - flat[:1]).abs().max()) if flat.numel() else 0.0
    return Output(
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
    first = evaluation_pass(bench)
    with bench.ready(training=False) as model, seeded(bench.spec.seed):
        again = bench.call(model, bench.batch(bench.spec.batch_size, 0))
    gap = 0.0
    for a, b in zip(leaves(first.run.output), leaves(again), strict=False):
        if a.tensor.shape == b.tensor.shape and not torch.equal(a.tensor, b.tensor):
            gap = max(gap, float((a.tensor.detach().double() - b.tensor.detach().double()).abs().nan_to_num().max()))
    draws = tuple(sorted({call.name for call in first.run.trace.named(*RANDOM)}))
    acts = bool(first.state) and _acts(bench)
    return Hygiene(first.modes, first.gradients_off, first.input_written, first.state, gap == 0.0, gap, draws, acts)


def _acts(bench: Bench) -> bool:
    """Whether what a pass changes in the state changes the output of the next."""
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=False) as model, torch.no_grad():
        outputs = []
        for _ in range(2):
            with seeded(bench.spec.seed):
                outputs.append([leaf.tensor.clone() for leaf in leaves(bench.call(model, batch))])
    return any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(*outputs, strict=True))
