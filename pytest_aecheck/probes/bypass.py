"""Does anything of the input reach the reconstruction without passing the code?

With the code replaced by a constant, the reconstruction's derivative by the input is what goes around it. In an
autoencoder that derivative is exactly zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from pytest_aecheck.adapters.batches import substituted
from pytest_aecheck.observations import Bypass, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import Code, decoder_execution, find_code
from pytest_aecheck.probes.lineage import descendants
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run, record
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["observe_bypass"]

_SAMPLES = 4
_ELEMENTS = 8
"""Elements of the reconstruction that are followed back one by one."""


def observe_bypass(bench: Bench) -> Bypass:
    """Cut the code in training mode and look at what is left."""
    batch = bench.batch(min(_SAMPLES, bench.spec.batch_size), 0)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    leaf = x.detach().clone().requires_grad_()
    fed = substituted(batch, x, leaf)
    with bench.ready(training=True) as model:
        whole = record(bench, model, fed, seed=bench.spec.seed, with_loss=False)
        code = find_code(whole)
        if not any(Flow.INPUT in value.flow for value in code.values):
            raise Unavailable("what the model draws is not made from the input")
        decoder = decoder_execution(whole)
    with bench.ready(training=True) as model:  # once more from the same state: a codebook may have moved
        cut = record(
            bench,
            model,
            fed,
            seed=bench.spec.seed,
            with_loss=False,
            override={key: lambda tensor: tensor.detach().clone() for key in code.keys},
        )
        if any(_called(whole, index) != _called(cut, index) for index, _ in code.keys):
            raise Unavailable("the model does not make the same calls twice, so that its code cannot be held")
        x_hat = cut.maybe_reconstruction()
        if x_hat is None:
            raise Unavailable("no output has the shape of the input")
        given = 0 if decoder is None else sum(v.tensor.is_floating_point() for v in decoder.inputs)
        found = _followed(bench, x_hat.tensor, leaf, where=code.where, drawn=code.drawn, given=given)
    if not found.gradient:
        return found
    return replace(found, joins=_joins(whole, code), target_is_input=_compares_with_input(bench))


def _joins(run: Run, code: Code) -> int:
    """How many calls put an activation that is older than the code beside one that was decoded from it."""
    first = min(index for index, _ in code.keys)
    decoded = {id(value) for value in descendants(code.values)}
    return sum(
        any(id(value) in decoded for value in call.inputs) and any(_is_older(value, first) for value in call.inputs)
        for call in run.trace.calls[first + 1 :]
    )


def _is_older(value: Value, first: int) -> bool:
    made = through_views(value).producer
    return made is not None and made.index < first and {Flow.INPUT, Flow.PARAMETER} <= set(value.flow)


def _called(run: Run, index: int) -> tuple[str, str]:
    """Function and module of a call; empty beyond the last."""
    return (run.trace.calls[index].name, run.trace.calls[index].module) if index < len(run.trace.calls) else ("", "")


def _compares_with_input(bench: Bench) -> bool:
    """Whether the model's only input is what the loss wants back: nothing was added to it, and nothing taken away."""
    if bench.spec.loss is None:
        return False
    run = training_pass(bench).run
    roots = [execution for execution in run.trace.executions if execution.name == "."]
    fed = {id(through_views(value)) for root in roots for value in root.inputs}
    x_hat = run.maybe_reconstruction()
    return any(
        id(through_views(target)) in fed and x_hat is not None and through_views(prediction) is through_views(x_hat)
        for prediction, target in comparisons(run)
    )


def _followed(bench: Bench, x_hat: Any, leaf: Any, *, where: str, drawn: bool, given: int) -> Bypass:
    cotangent = torch.randn(x_hat.shape, generator=torch.Generator().manual_seed(5)).to(x_hat)
    gradient = _back(x_hat, leaf, cotangent)
    largest = 0.0 if gradient is None else float(gradient.abs().max())
    own = rank = 0
    identity = total = False
    sampled: list[int] = []
    if largest > 0 and x_hat.shape == leaf.shape:
        axis = bench.batch_axis
        mine = torch.zeros_like(x_hat).movedim(axis, 0)
        per_row = mine[0].numel()
        sampled = sorted({int(i) for i in torch.linspace(0, per_row - 1, _ELEMENTS)})
        rows = [_row(x_hat, leaf, index, axis) for index in sampled]
        own = sum(bool(row[index] != 0) for row, index in zip(rows, sampled, strict=True))
        rank = int(torch.linalg.matrix_rank(torch.stack(rows), rtol=1e-5))
        identity = all(_is_unit(row, index) for row, index in zip(rows, sampled, strict=True))
        total = len(rows[0]) > 1 and all(bool(torch.allclose(row, row.mean(), rtol=1e-4)) for row in rows)
    return Bypass(where, drawn, largest, own, len(sampled), rank, given, identity=identity, total=total)


def _is_unit(row: Any, index: int) -> bool:
    expected = torch.zeros_like(row)
    expected[index] = 1.0
    return bool(torch.allclose(row, expected, rtol=0, atol=1e-5))


def _back(x_hat: Any, leaf: Any, cotangent: Any) -> Any:
    if not x_hat.requires_grad:
        return None
    return torch.autograd.grad(x_hat, leaf, cotangent, retain_graph=True, allow_unused=True)[0]


def _row(x_hat: Any, leaf: Any, index: int, axis: int) -> Any:
    """Derivative of one element of the first sample's reconstruction by that sample."""
    one = torch.zeros_like(x_hat)
    sample = one.select(axis, 0)
    sample[tuple(int(i) for i in torch.unravel_index(torch.tensor(index), sample.shape))] = 1.0
    gradient = _back(x_hat, leaf, one)
    return gradient.select(axis, 0).reshape(-1).double()
