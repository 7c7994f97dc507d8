"""Does the reconstruction depend on the input? Asked of the gradient, in training mode."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.localize import last_varying
from pytest_aecheck.observations import Dependence, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.runs import Run, record, replaced_primary
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Flow

__all__ = ["observe_dependence", "sign_step"]

_STEP = 1e-3


def observe_dependence(bench: Bench) -> Dependence:
    """Gradient of a random projection of the reconstruction at each input row.

    A gradient may vanish on a bad start (zero-initialised heads); so up to three sign steps of the loss are made
    on the way, and only a model that stays without gradient is reported.
    """
    shared = _in_shared_pass(bench)
    if shared is not None:
        return shared
    batch = bench.batch(bench.spec.batch_size, 0)
    connected, zero_rows, total, where = False, 0, 0, ""
    with bench.ready(training=True) as model:
        for step in range(4):
            connected, zero_rows, total, where = _input_gradient(bench, model, batch, step)
            if zero_rows < total or bench.spec.loss is None:
                break
            if step < 3 and not sign_step(bench, model, bench.batch(bench.spec.batch_size, step + 1), step):
                break
    return Dependence(connected, zero_rows, total, step, where)


def _in_shared_pass(bench: Bench) -> Dependence | None:
    """What the shared training pass tells, if it tells that rows have a gradient."""
    if bench.spec.loss is None:
        return None
    try:
        gradient = training_pass(bench).input_gradient
    except Unavailable:
        return None
    if gradient is None:
        return None
    rows = gradient.movedim(bench.batch_axis, 0)
    dead = len(rows) - int((rows.reshape(len(rows), -1) != 0).any(1).sum())
    return Dependence(True, dead, len(rows), 0) if dead < len(rows) else None


def _input_gradient(bench: Bench, model: Any, batch: Any, step: int) -> tuple[bool, int, int, str]:
    x = bench.primary(batch)
    if x.is_floating_point():
        leaf = x.detach().clone().requires_grad_()
        run = record(
            bench, model, replaced_primary(bench, batch, leaf.clone()), seed=bench.spec.seed + step, with_loss=False
        )
        sources = [leaf]
    else:
        sources, run = _embedded_sources(bench, model, batch, step)
    try:
        x_hat = bench.reconstruction(run.output, batch)
    except AmbiguousOutputError as ambiguous:
        raise Unavailable(str(ambiguous)) from ambiguous
    count = x.shape[bench.batch_axis]
    if not x_hat.requires_grad:
        return False, count, count, last_varying(run.trace, bench.batch_axis)
    generator = torch.Generator(device="cpu").manual_seed(5)
    cotangent = torch.randn(x_hat.shape, generator=generator).to(x_hat)
    gradients = torch.autograd.grad(x_hat, sources, cotangent, allow_unused=True)
    present = [g for g in gradients if g is not None]
    if not present:
        return False, count, count, last_varying(run.trace, bench.batch_axis)
    alive = torch.zeros(count, dtype=torch.bool)
    for gradient in present:
        axis = (
            bench.batch_axis if gradient.dim() > bench.batch_axis and gradient.shape[bench.batch_axis] == count else 0
        )
        if gradient.shape[axis] != count:
            return True, 0 if bool((gradient != 0).any()) else count, count, ""
        alive |= (gradient.movedim(axis, 0).reshape(count, -1) != 0).any(1).cpu()
    dead = count - int(alive.sum())
    return True, dead, count, "" if dead < count else last_varying(run.trace, bench.batch_axis)


def _embedded_sources(bench: Bench, model: Any, batch: Any, step: int) -> tuple[list[Any], Run]:
    """For integer input: the first floating tensors that were computed from it."""
    seed = bench.spec.seed + step
    plain = record(bench, model, batch, seed=seed, with_loss=False)
    entries = [
        call.index
        for call in plain.trace.calls
        if call.outputs
        and Flow.INPUT in call.out.flow
        and call.out.tensor.is_floating_point()
        and not any(v.tensor.is_floating_point() and Flow.INPUT in v.flow for v in call.inputs)
    ]
    if not entries:
        raise Unavailable("no floating-point tensor is computed from the integer input")
    sources: list[Any] = []

    def opened(tensor: Any) -> Any:
        tensor = tensor.detach().requires_grad_()
        sources.append(tensor)
        return tensor

    run = record(bench, model, batch, seed=seed, with_loss=False, override={(index, 0): opened for index in entries})
    return sources, run


def sign_step(bench: Bench, model: Any, batch: Any, seed: int) -> bool:
    """Move every parameter by 1e-3 against the sign of its gradient. False if there is no gradient."""
    from pytest_aecheck.probes.determinism import seeded

    try:
        with seeded(bench.spec.seed + 100 + seed):
            loss = bench.loss(model, batch)
            if not loss.requires_grad:
                return False
            loss.backward()
    except Exception:  # noqa: BLE001 - a step is a courtesy; the loss is judged elsewhere
        return False
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()):
                parameter.sub_(_STEP * parameter.grad.sign())
            parameter.grad = None
    return True
