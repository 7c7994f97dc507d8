"""How much the errors of a codebook, of the commitment to it, and of the reconstruction weigh in a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from pytest_aecheck.observations import QuantizerBalance, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.quantizers import LOOKUPS, SEARCHES, compared, looked_up, vectors_of
from pytest_aecheck.probes.runs import Run, record, zeros
from pytest_aecheck.probes.trace import Flow, Value
from pytest_aecheck.probes.vocabulary import VIEWS

__all__ = ["observe_quantizer_balance"]

_QUADRATIC = 0.9999


def observe_quantizer_balance(bench: Bench) -> QuantizerBalance:
    """Weights of the squared errors of reconstruction, codebook and commitment, read from the loss's gradients in training mode."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=True) as model:
        run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros)
        tables = {id(t) for t in model.parameters() if t.dim() == 2}
        codebook = _codebook_weight(run, tables)
        reconstruction = _reconstruction_weight(run)
        samples = run.x.shape[bench.batch_axis]
    if codebook is None:
        raise Unavailable("the loss holds no squared error of a codebook")
    weight, source, vectors, size = codebook
    return QuantizerBalance(
        codebook=weight,
        commitment=_commitment_weight(run, source),
        reconstruction=reconstruction,
        features=run.x.numel() // samples,
        samples=int(samples),
        vectors=vectors / samples,
        size=size,
    )


def _codebook_weight(run: Run, tables: set[int]) -> tuple[float, Value, int, int] | None:
    """(the c of `c · Σ‖q - z‖²`, z, number of vectors, their size) of the first search whose codebook the loss trains."""
    for call in run.trace.named(*SEARCHES):
        table = looked_up(call, tables)
        source = None if table is None else compared(call.inputs[0], table)
        if table is None or source is None:
            continue
        size = table.tensor.shape[1]
        for q in _entries(run, table):
            gradient = _gradient(run.loss, q.tensor)
            if gradient is None:
                continue
            rows, g = q.tensor.detach().double().reshape(-1, size), gradient.reshape(-1, size)
            for z in vectors_of(source, size):
                weight = _quadratic_weight(g, rows - z) if z.shape == rows.shape else 0.0
                if weight > 0:
                    return weight, source, len(rows), size
    return None


def _commitment_weight(run: Run, source: Value) -> float | None:
    """The w of `w · Σ‖z - q‖²`: what reaches z beside the gradient that the straight-through estimate hands on."""
    for z, estimate in _straight_through(source):
        whole, passed = _gradient(run.loss, z.tensor), _gradient(run.loss, estimate.tensor)
        if whole is not None and passed is not None:
            weight = _quadratic_weight(whole - passed, (z.tensor - estimate.tensor).detach().double())
            if weight > 0:
                return weight
    return None


def _straight_through(source: Value) -> Iterator[tuple[Value, Value]]:
    """`z` and `z + (q - z).detach()`, for what is compared with the codebook and what that is a view of."""
    z = source
    for _ in range(12):
        for call in z.consumers:
            held = [v for v in call.inputs if v is not z]
            moved = call.name == "add" or (call.name == "sub" and call.inputs[0] is z)
            is_estimate = moved and len(held) == 1 and not held[0].tensor.requires_grad
            if is_estimate and call.out.tensor.requires_grad and call.out.tensor.shape == z.tensor.shape:
                yield z, call.out
        if z.producer is None or z.producer.name not in VIEWS or not z.producer.inputs:
            return
        z = z.producer.inputs[0]


def _entries(run: Run, table: Value) -> list[Value]:
    """What was looked up in the table."""
    return [call.out for call in run.trace.named(*LOOKUPS) if any(v is table for v in call.inputs)]


def _reconstruction_weight(run: Run) -> float | None:
    """The a of `a · Σ(x̂ - x)²`."""
    for prediction, target in comparisons(run):
        a, b = prediction.tensor, target.tensor
        if Flow.PARAMETER in target.flow or a.shape != b.shape or a.numel() != run.x.numel():
            continue
        gradient = _gradient(run.loss, a)
        weight = 0.0 if gradient is None else _quadratic_weight(gradient, (a - b).detach().double())
        if weight > 0:
            return weight
    return None


def _gradient(loss: Any, tensor: Any) -> Any:
    if not tensor.requires_grad or not loss.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(loss, tensor, retain_graph=True, allow_unused=True)
    return None if gradient is None else gradient.double()


def _quadratic_weight(gradient: Any, error: Any) -> float:
    """The weight of a squared error whose gradient this is, or 0 if it is not the gradient of one."""
    g, e = gradient.reshape(-1), error.reshape(-1)
    size = float(g.norm() * e.norm())
    return float(g @ e / (2 * e @ e)) if size and float(g @ e) / size > _QUADRATIC else 0.0
