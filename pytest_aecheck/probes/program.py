"""Facts about the calls that a training forward makes."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Program
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run, record
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["observe_program"]

_DROPOUT = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "dropout_"}
)
_PURE_WITH_TWIN = frozenset(
    {
        "masked_fill",
        "clamp",
        "clip",
        "index_fill",
        "scatter",
        "scatter_add",
        "index_add",
        "index_copy",
        "masked_scatter",
        "clamp_min",
        "clamp_max",
        "fill_diagonal",
    }
)
"""Functions that leave their argument alone and have a twin with an underscore that does not."""


def observe_program(bench: Bench) -> Program:
    """Record one training forward (with the loss, where there is one) and one evaluation forward."""
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=True) as model:
        run = record(bench, model, batch, seed=bench.spec.seed)
        x_hat = run.maybe_reconstruction()
        last, training_only = _last_operation(x_hat)
        discarded = _discarded(run)
    with bench.ready(training=False) as model:
        evaluation = record(bench, model, batch, seed=bench.spec.seed, with_loss=False)
        dropped = _dropout_in_eval(evaluation)
        used = {name for name, table in _tables(model) if _read(evaluation, table)}
    blowup, name = _code_blowup(bench, run, batch, used)
    return Program(last, training_only, discarded, dropped, blowup, name)


def _last_operation(x_hat: Value | None) -> tuple[str, bool]:
    if x_hat is None:
        return "", False
    call = through_views(x_hat).producer
    if call is None:
        return "", False
    return call.name, call.name in _DROPOUT and _probability(call) > 0 and _active(call)


def _probability(call: Any) -> float:
    p = call.kwargs.get("p", call.args[1] if len(call.args) > 1 else 0.5)
    return float(p) if isinstance(p, int | float) else 0.0


def _active(call: Any) -> bool:
    training = call.kwargs.get("training", call.args[2] if len(call.args) > 2 else True)
    return bool(training)


def _dropout_in_eval(run: Run) -> str:
    for call in run.trace.calls:
        if call.name in _DROPOUT and _probability(call) > 0 and _active(call):
            return f"{call.name} (p = {_probability(call):g}) in {call.module or 'the model'}"
    return ""


def _discarded(run: Run) -> tuple[str, ...]:
    """Results of pure functions that nothing reads, although they were computed from trained values."""
    kept = set()
    if run.output is not None:
        from pytest_aecheck.adapters.outputs import leaves

        kept = {id(leaf.tensor) for leaf in leaves(run.output)}
    return tuple(
        f"{call.name} in {call.module or 'the loss'}"
        for call in run.trace.calls
        if call.name in _PURE_WITH_TWIN
        and "out" not in call.kwargs
        and not call.out.consumers
        and id(call.out.tensor) not in kept
        and Flow.PARAMETER in call.out.flow
        and call.grad
        and not any(call.out.tensor is value.tensor for value in call.inputs)
    )


def _read(run: Run, table: Any) -> bool:
    value = run.trace.current.get(id(table))
    return value is not None and bool(value.consumers)


def _code_blowup(bench: Bench, run: Run, batch: Any, used: set[str]) -> tuple[float, str]:
    """How far a table that the forward updates has outgrown everything that the pass computed.

    An average of vectors cannot be larger than the largest of them.
    """
    with bench.ready(training=True) as fresh:
        before = {n: b.detach().clone() for n, b in _tables(fresh)}
        with seeded(bench.spec.seed):
            try:
                bench.call(fresh, batch)
            except Exception:  # noqa: BLE001 - judged elsewhere
                return 0.0, ""
        after = {n: b.detach().clone() for n, b in _tables(fresh)}
    changed = [
        n
        for n in after
        if n in before and n in used and after[n].shape == before[n].shape and not torch.equal(after[n], before[n])
    ]
    reference = max(
        (
            float(v.tensor.detach().abs().nan_to_num().max())
            for e in run.trace.executions
            for v in e.inputs
            if v.tensor.is_floating_point() and v.tensor.numel()
        ),
        default=0.0,
    )
    worst = (0.0, "")
    for name in changed:
        bound = max(reference, float(before[name].abs().max()))
        if bound:
            worst = max(worst, (float(after[name].abs().max()) / bound, name))
    return worst


def _tables(model: Any) -> list[tuple[str, Any]]:
    return [
        (n, b) for n, b in [*model.named_buffers(), *model.named_parameters()] if b.dim() == 2 and b.is_floating_point()
    ]
