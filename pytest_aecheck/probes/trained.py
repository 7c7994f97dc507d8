"""One evaluation pass of a trained model over more data than a batch, in terms in which it can be compared with the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.adapters.roles import AmbiguousOutputError
from pytest_aecheck.observations import Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.estimates import distinct_rows
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run, record, zeros
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["SAMPLES", "TrainedPass", "comparable", "trained_pass"]

SAMPLES = 256
_CLASSES = ("cross_entropy", "nll_loss")
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "relu": torch.relu,
}


@dataclass(slots=True, eq=False)
class TrainedPass:
    """A run without noise. `data` and `again` have one row per sample."""

    run: Run
    data: Any
    again: Any
    distinct: int
    """Different samples."""

    @property
    def spread(self) -> float:
        """Variance of the data, averaged over the features."""
        return float((self.data - self.data.mean(0)).pow(2).mean())


def trained_pass(bench: Bench) -> TrainedPass:
    """Reconstruct 256 samples in evaluation mode; made once."""
    return bench.once("trained", lambda: _observed(bench))


def _observed(bench: Bench) -> TrainedPass:
    batch = bench.batch(SAMPLES, 5)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    finish = comparable(bench)
    with bench.ready(training=False) as model:
        run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
    try:
        x_hat = finish(bench.reconstruction(run.output, batch).detach())
    except AmbiguousOutputError as ambiguous:
        raise Unavailable(str(ambiguous)) from ambiguous
    data, again = rows(x, bench.batch_axis), rows(x_hat, bench.batch_axis)
    if data.shape != again.shape:
        raise Unavailable("the reconstruction has another size than the input")
    if bench.spec.loss is None:
        again = _benefit_of_the_doubt(data, again)
    if not bool((data != data[:1]).any()):
        raise Unavailable("the data are constant")
    return TrainedPass(run, data, again, distinct_rows(data))


def _benefit_of_the_doubt(data: Any, again: Any) -> Any:
    """Without a loss nobody says whether outputs beyond [0, 1] are logits of data in [0, 1]: what fits better counts."""
    inside = float(data.min()) >= 0 and float(data.max()) <= 1
    if not inside or (float(again.min()) >= 0 and float(again.max()) <= 1):
        return again
    squashed = torch.sigmoid(again)
    return min((again, squashed), key=lambda one: float((one - data).pow(2).mean()))


def comparable(bench: Bench) -> Callable[[Any], Any]:
    """What the loss does to the model's output before it compares it with the data: nothing, or the missing sigmoid.

    Raises:
        Unavailable: the loss reads the output as scores of classes, or compares it with something else than the input.
    """
    if bench.spec.loss is None:
        return lambda x_hat: x_hat
    try:
        run = training_pass(bench).run
    except Unavailable:
        return lambda x_hat: x_hat
    if any(run.trace.named(*_CLASSES)):
        raise Unavailable("the model gives scores of classes, which are not comparable with the data")
    x_hat = run.maybe_reconstruction()
    made = [pair for pair in comparisons(run) if x_hat is not None and _comes_from(pair[0], x_hat)]
    for prediction, target in made:
        if Flow.INPUT not in target.flow or Flow.PARAMETER in target.flow:
            continue
        if not _is_the_input(target, run.x):
            raise Unavailable("the loss compares the reconstruction with something else than the input")
        return _finishing(run, prediction)
    return lambda x_hat: x_hat


def _is_the_input(target: Value, x: Any) -> bool:
    tensor = target.tensor.detach()
    return bool(tensor.numel() == x.numel() and torch.allclose(tensor.reshape(-1).to(x), x.detach().reshape(-1)))


def _comes_from(prediction: Value, x_hat: Value) -> bool:
    """Whether a prediction is the reconstruction, or an activation of it."""
    value = through_views(prediction)
    root = through_views(x_hat)
    if value is root:
        return True
    call = value.producer
    return call is not None and call.name in _ACTIVATIONS and through_views(call.inputs[0]) is root


def _finishing(run: Run, prediction: Value) -> Callable[[Any], Any]:
    if any(
        call.inputs and call.inputs[0] is prediction for call in run.trace.named("binary_cross_entropy_with_logits")
    ):
        return _ACTIVATIONS["sigmoid"]
    x_hat = run.maybe_reconstruction()
    value = through_views(prediction)
    if x_hat is None or value is through_views(x_hat) or value.producer is None:
        return lambda output: output
    return _ACTIVATIONS[value.producer.name]
