"""The passes that most questions share, each made once on first use.

In training mode one with the loss and its gradients, and one more on other samples under another seed; in
evaluation mode one of the declared batch and one of an odd number of samples. What needs the training pass's
graph is read at once, because a later probe may move the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import OperandPair, Unavailable
from pytest_aecheck.probes.backflow import cut_from_reconstruction
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.masks import Counted, counted_elements
from pytest_aecheck.probes.objective import operand_pairs
from pytest_aecheck.probes.runs import Run, graph_leaves, ones, record, record_opened

__all__ = [
    "EvaluationPass",
    "OddPass",
    "TrainingPass",
    "evaluation_pass",
    "odd_pass",
    "odd_size",
    "second_training_pass",
    "training_pass",
]

_ODD = (7, 5)
"""Batch sizes that are unlikely to be the size of another axis; the first that is not the declared one."""


@dataclass(slots=True, eq=False)
class TrainingPass:
    """A recorded training forward, the loss's gradients, and what the loss compares."""

    run: Run
    gradients: dict[str, Any]
    """Parameter name -> gradient, or None where the loss does not reach it."""
    pairs: tuple[OperandPair, ...]
    moved: frozenset[str]
    """Parameters that the forward itself changed."""
    tables: Mapping[str, tuple[Any, Any]]
    """Matrices that the forward changed: name -> values before and after."""
    trained: bool
    """Whether anything but the input carries a gradient into the loss."""
    input_gradient: Any
    """Gradient of a random projection of the reconstruction at the input, or None where this run cannot tell."""
    counted: Counted | str
    """Which elements of the input the loss counts, or why that cannot be said."""
    cut: tuple[str, ...]
    """Weights that the reconstruction is computed with and has no gradient for."""


def training_pass(bench: Bench) -> TrainingPass:
    """Forward, loss and backward on the declared batch, in training mode."""
    return bench.once("training", lambda: _train(bench))


def _train(bench: Bench) -> TrainingPass:
    with bench.ready(training=True) as model:
        named = dict(model.named_parameters())
        before = {name: (p, _version(p), p.detach().clone()) for name, p in named.items()}
        buffers = {name: b.detach().clone() for name, b in model.named_buffers()}
        batch = bench.batch(bench.spec.batch_size, 0)
        run, leaf = record_opened(bench, model, batch, seed=bench.spec.seed)
        moved = frozenset(
            name
            for name, (p, version, value) in before.items()
            if _version(p) != version and not torch.equal(p.detach(), value)
        )
        tables = _changed_tables(model, {**buffers, **{name: value for name, (_, _, value) in before.items()}})
        trains = run.loss is not None and run.loss.requires_grad
        return TrainingPass(
            run=run,
            gradients=dict.fromkeys(named) | (_gradients(run.loss, named) if trains else {}),
            pairs=operand_pairs(run),
            moved=moved,
            tables=tables,
            trained=trains and any(variable is not leaf for variable in graph_leaves(run.loss)),
            input_gradient=_input_gradient(bench, run, leaf),
            counted=_counted(run, leaf),
            cut=cut_from_reconstruction(run, model),
        )


def _gradients(loss: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The gradient of the loss at each parameter that is trained, None where none arrives."""
    learning = {name: p for name, p in named.items() if p.requires_grad}
    if not learning:
        return {}
    found = torch.autograd.grad(loss, list(learning.values()), allow_unused=True, retain_graph=True)
    return dict(zip(learning, found, strict=True))


def _version(tensor: Any) -> int:
    """How often a tensor was written to in place."""
    return int(tensor._version)  # noqa: SLF001 - torch counts writes, and tells it nowhere else


def _changed_tables(model: Any, before: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    now = dict([*model.named_buffers(), *model.named_parameters()])
    return {
        name: (before[name], tensor.detach().clone())
        for name, tensor in now.items()
        if name in before
        and tensor.dim() == 2
        and tensor.is_floating_point()
        and tensor.shape == before[name].shape
        and not torch.equal(tensor.detach(), before[name])
    }


def _input_gradient(bench: Bench, run: Run, leaf: Any) -> Any:
    """None unless the loss called the model once, on the input itself, and its output is the reconstruction."""
    roots = [execution for execution in run.trace.executions if execution.name == "."]
    if leaf is None or bench.spec.reconstruct is not None or len(roots) != 1:
        return None
    if not any(value.tensor is run.x for value in roots[0].inputs):
        return None
    try:
        x_hat = bench.reconstruction(run.output, run.batch)
    except AmbiguousOutputError:
        return None
    if not x_hat.requires_grad:
        return None
    cotangent = torch.randn(x_hat.shape, generator=torch.Generator().manual_seed(5)).to(x_hat)
    (gradient,) = torch.autograd.grad(x_hat, leaf, cotangent, allow_unused=True, retain_graph=True)
    return gradient


def _counted(run: Run, leaf: Any) -> Counted | str:
    try:
        return counted_elements(run, leaf)
    except Unavailable as reason:
        return str(reason)


def second_training_pass(bench: Bench) -> Run:
    """Forward and loss on other samples under another seed, in training mode."""

    def make() -> Run:
        with bench.ready(training=True) as model:
            return record(bench, model, bench.batch(bench.spec.batch_size, 1), seed=bench.spec.seed + 1)

    return bench.once("second training", make)


@dataclass(slots=True, eq=False)
class EvaluationPass:
    """A recorded evaluation forward of the declared batch, and what it left changed."""

    run: Run
    modes: tuple[str, ...]
    """Modules whose mode is another than before."""
    gradients_off: bool
    """Whether recording of gradients was left switched off."""
    input_written: bool
    state: tuple[str, ...]
    """Parameters and buffers with other values than before."""


def evaluation_pass(bench: Bench) -> EvaluationPass:
    """Forward of the declared batch in evaluation mode; the loss, where nothing else calls the parts of the model."""
    return bench.once("evaluation", lambda: _evaluate(bench))


def _evaluate(bench: Bench) -> EvaluationPass:
    batch = bench.batch(bench.spec.batch_size, 0)
    x = bench.primary(batch)
    version = _version(x)
    with bench.ready(training=False) as model:
        modes = {name: module.training for name, module in model.named_modules()}
        state = _state(model)
        run = record(bench, model, batch, seed=bench.spec.seed, with_loss=bench.is_only_in_loss)
        gradients_off = not torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        return EvaluationPass(
            run=run,
            modes=tuple(
                name or "the model"
                for name, module in model.named_modules()
                if module.training != modes.get(name, module.training)
            ),
            gradients_off=gradients_off,
            input_written=_version(x) != version,
            state=tuple(n for n, value in _state(model).items() if n in state and not _same(value, state[n])),
        )


def _state(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in [*model.named_parameters(), *model.named_buffers()]}


def _same(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()))


@dataclass(slots=True, eq=False)
class OddPass:
    """A recorded evaluation forward of an odd number of samples, all normal noise set to one."""

    run: Run
    batch: Any
    leaf: Any
    """Where the gradient at the input is read, or None."""


def odd_size(bench: Bench) -> int:
    """How many samples the odd pass has."""
    if not bench.scales_with_n:
        return bench.spec.batch_size
    return next(n for n in _ODD if n != bench.spec.batch_size)


def odd_pass(bench: Bench) -> OddPass:
    """Forward of an odd number of samples in evaluation mode."""

    def make() -> OddPass:
        batch = bench.batch(odd_size(bench), 0)
        with bench.ready(training=False) as model:
            run, leaf = record_opened(bench, model, batch, seed=bench.spec.seed, noise=ones, with_loss=False)
        return OddPass(run, batch, leaf)

    return bench.once("odd", make)
