"""The loss: its values, and what it compares with what."""

from __future__ import annotations

import math
from typing import Any

import torch

from pytest_aecheck.localize import first_non_finite
from pytest_aecheck.observations import Objective, OperandPair, Unavailable
from pytest_aecheck.probes.attention import crossed_attentions
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.lineage import ancestors
from pytest_aecheck.probes.ranges import interval_of, through_views
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.trace import Call, Flow, Value
from pytest_aecheck.probes.vocabulary import REDUCTIONS

__all__ = ["comparisons", "logits_behind", "observe_objective", "operand_pairs"]

_LOSSES = frozenset(
    {
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "nll_loss",
        "kl_div",
    }
)
_ASYMMETRIC = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "cross_entropy"})
_AFTER_DIFFERENCE = frozenset({"pow", "square", "abs", "norm", "pow_", "vector_norm", "linalg_vector_norm", "mul"})
_MARGIN = 1e-3


def observe_objective(bench: Bench) -> Objective:
    """Evaluate the loss on two batches in training mode; read the first run's trace."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    from pytest_aecheck.probes.shared import second_training_pass, training_pass

    first = training_pass(bench)
    values = [float(run.loss.detach()) for run in (first.run, second_training_pass(bench))]
    given = [g.coalesce().values() if g.is_sparse else g for g in first.gradients.values() if g is not None]
    return Objective(
        values=tuple(values),
        finite=all(math.isfinite(value) for value in values),
        gradients_finite=not math.isfinite(values[0]) or all(bool(torch.isfinite(g).all()) for g in given),
        where=first_non_finite(first.run.trace) if not math.isfinite(values[0]) else "",
        pairs=first.pairs,
        weighted_after_reduction=_weighted_after_reduction(first.run),
        softmax_lengths=_softmax_lengths(first.run),
        crossed_attentions=crossed_attentions(first.run),
    )


def operand_pairs(run: Run) -> tuple[OperandPair, ...]:
    """Every comparison of a prediction with a target that the loss depends on."""
    return tuple(_pair(run, call, *operands) for call, operands in _compared(run))


def comparisons(run: Run) -> list[tuple[Value, Value]]:
    """(prediction, target) of every comparison, as values of the trace."""
    return [operands for _, operands in _compared(run)]


def _compared(run: Run) -> list[tuple[Call, tuple[Value, Value]]]:
    relevant = ancestors(run.trace.value(run.loss)) if run.loss is not None else set()
    found = ((call, _operands(call)) for call in run.trace.calls if call.index in relevant)
    return [(call, operands) for call, operands in found if operands is not None]


def _operands(call: Call) -> tuple[Value, Value] | None:
    """(prediction, target) as passed: by position for losses, by who depends on parameters for differences."""
    if call.name in _LOSSES and len(call.inputs) >= 2:
        first = call.kwargs.get("input", call.args[0] if call.args else None)
        second = call.kwargs.get("target", call.args[1] if len(call.args) > 1 else None)
        found = {id(value.tensor): value for value in call.inputs}
        if id(first) in found and id(second) in found:
            return found[id(first)], found[id(second)]
        return None
    if call.name not in {"sub", "sub_", "rsub"} or len(call.inputs) != 2:
        return None
    if not any(following.name in _AFTER_DIFFERENCE for following in call.out.consumers):
        return None
    a, b = call.inputs
    if a.tensor.numel() == 1 or b.tensor.numel() == 1:
        return None
    trained = [Flow.PARAMETER in v.flow for v in (a, b)]
    if trained == [True, False] and Flow.INPUT in b.flow:
        return a, b
    if trained == [False, True] and Flow.INPUT in a.flow:
        return b, a
    return None


def _pair(run: Run, call: Call, prediction: Value, target: Value) -> OperandPair:
    interval = interval_of(prediction)
    values = target.tensor.detach()
    low, high = (float(values.min()), float(values.max())) if values.numel() else (0.0, 0.0)
    last = through_views(prediction).producer
    noise, fed = _target_noise(run, prediction, target)
    slope, curvature = _slope(run, prediction, target)
    share, furthest = _outside(values, interval.low, interval.high)
    return OperandPair(
        function=call.name,
        prediction_last=last.name if last else "",
        prediction_low=interval.low,
        prediction_high=interval.high,
        target_low=low,
        target_high=high,
        share_outside=share,
        furthest_outside=furthest,
        swapped=call.name in _ASYMMETRIC and _swapped(prediction, target),
        same_shape=prediction.tensor.shape == target.tensor.shape,
        prediction_shape=tuple(prediction.tensor.shape),
        target_shape=tuple(target.tensor.shape),
        target_noise=noise,
        target_is_fed=fed,
        same_source=through_views(prediction) is through_views(target),
        target_rows_moved=_rows_moved(run.x, target.tensor) or _fed_in_another_order(run, prediction, target),
        slope=slope,
        curvature=curvature,
        sum_gap=_sum_gap(prediction, target),
        prediction_trained=Flow.PARAMETER in prediction.flow and Flow.PARAMETER not in target.flow,
    )


def _swapped(prediction: Value, target: Value) -> bool:
    """Whether the network's output stands where the data belong, and the data where the output belongs."""
    data_first = Flow.INPUT in prediction.flow and Flow.PARAMETER not in prediction.flow
    return data_first and Flow.PARAMETER in target.flow and bool(target.tensor.requires_grad)


def _outside(values: Any, low: float, high: float) -> tuple[float, float]:
    """Share of the target outside [low, high] by more than a thousandth of the interval's width, and the furthest in widths."""
    if not values.is_floating_point() or not values.numel():
        return 0.0, 0.0
    width = max(high - low if math.isfinite(high - low) else float(values.max() - values.min()), 1e-12)
    beyond = torch.maximum(low - values, values - high).double() / width
    return float((beyond > _MARGIN).double().mean()), max(float(beyond.max()), 0.0)


def _fed_in_another_order(run: Run, prediction: Value, target: Value) -> bool:
    """Whether the model was only ever given the target's samples in another order."""
    roots = [execution for execution in run.trace.executions if execution.name == "."]
    fed = [value for root in roots for value in root.inputs if value.tensor.shape == target.tensor.shape]
    whole = prediction.tensor.shape == target.tensor.shape and Flow.PARAMETER not in target.flow
    return whole and bool(fed) and all(_rows_moved(target.tensor, value.tensor) for value in fed)


def _rows_moved(batch: Any, other: Any) -> bool:
    """Whether a tensor is the batch with its samples in another order."""
    x, y = batch.detach(), other.detach()
    if x.shape != y.shape or x.shape[0] < 2 or torch.equal(x, y):
        return False
    a, b = x.reshape(x.shape[0], -1), y.reshape(y.shape[0], -1)
    return all(bool((a == row).all(1).any()) for row in b)


def _slope(run: Run, prediction: Value, target: Value) -> tuple[float, float]:
    """How the loss's gradient at the prediction lies to the error.

    Returns:
        The cosine (1 pulls to the target, -1 pushes away), and the a of `a·‖prediction - target‖²` if that is the loss.
    """
    a, b = prediction.tensor, target.tensor
    if (
        a.shape != b.shape
        or not a.requires_grad
        or not b.is_floating_point()
        or Flow.PARAMETER in target.flow
        or not run.loss.requires_grad
    ):
        return math.nan, math.nan
    (gradient,) = torch.autograd.grad(run.loss, a, retain_graph=True, allow_unused=True)
    if gradient is None:
        return math.nan, math.nan
    error = (a.detach() - b.detach()).double().reshape(-1)
    g = gradient.double().reshape(-1)
    size, along = float(g.norm() * error.norm()), float(g @ error)
    return (along / size, along / float(2 * error @ error)) if size else (math.nan, math.nan)


def _sum_gap(prediction: Value, target: Value) -> float:
    """How far the target's sums are from 1 along the axis over which the prediction's softmax sums to 1."""
    call = prediction.producer
    if (
        call is None
        or call.name != "softmax"
        or prediction.tensor.shape != target.tensor.shape
        or not target.tensor.is_floating_point()
    ):
        return 0.0
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else -1)
    return float((target.tensor.detach().sum(dim) - 1).abs().mean()) if isinstance(dim, int) else 0.0


def _target_noise(run: Run, prediction: Value, target: Value) -> tuple[float, bool]:
    """How far random noise moved the target from the clean input, and whether the network was fed the target."""
    if Flow.NOISE not in target.flow or Flow.PARAMETER in target.flow:
        return 0.0, False
    source = through_views(target)
    fed = any(
        execution.name == "." and any(through_views(value) is source for value in execution.inputs)
        for execution in run.trace.executions
    ) or _feeds(source, prediction)
    x, noisy = run.x.detach(), target.tensor.detach()
    if x.numel() != noisy.numel() or not x.is_floating_point() or not noisy.is_floating_point():
        return 0.0, fed
    spread = float(x.double().std())
    gap = float((x.double().reshape(-1) - noisy.double().reshape(-1)).pow(2).mean().sqrt())
    return (gap / spread if spread else 0.0), fed


def _feeds(source: Value, prediction: Value) -> bool:
    """Whether the prediction was computed from the target's own tensor by trained layers."""
    calls = ancestors(prediction)
    return any(call.index in calls for call in source.consumers)


def _weighted_after_reduction(run: Run) -> str:
    """A scalar average times a tensor of weights, averaged again: the weights have lost what they weigh."""
    relevant = ancestors(run.trace.value(run.loss))
    for call in run.trace.calls:
        if call.index not in relevant or call.name not in {"mul", "mul_"} or len(call.inputs) != 2:
            continue
        scalar, weights = sorted(call.inputs, key=lambda value: value.tensor.numel())
        reduced = scalar.producer
        if (
            scalar.tensor.dim() == 0
            and weights.tensor.numel() > 1
            and Flow.PARAMETER in scalar.flow
            and Flow.PARAMETER not in weights.flow
            and Flow.INPUT in weights.flow
            and reduced is not None
            and reduced.name in REDUCTIONS
            and reduced.inputs[0].tensor.shape == weights.tensor.shape
            and any(following.name in {"mean", "sum"} for following in call.out.consumers)
        ):
            return f"{reduced.name} gives one number, which is then multiplied by weights of shape {tuple(weights.tensor.shape)}"
    return ""


def _softmax_lengths(run: Run) -> tuple[str, ...]:
    """Softmaxes of the same logits, one with noise and one without, that normalise over different numbers."""
    by_source: dict[int, list[tuple[bool, int]]] = {}
    for call in run.trace.named("softmax", "log_softmax", "gumbel_softmax"):
        if not call.inputs:
            continue
        dim = call.axis
        if not isinstance(dim, int):
            continue
        length = call.inputs[0].tensor.shape[dim]
        noisy = call.name == "gumbel_softmax" or Flow.NOISE in call.inputs[0].flow
        source = logits_behind(call.inputs[0])
        by_source.setdefault(id(source), []).append((noisy, length))
    for uses in by_source.values():
        drawn, plain = {n for noisy, n in uses if noisy}, {n for noisy, n in uses if not noisy}
        if drawn and plain and not drawn & plain:
            return (f"sampled over {min(drawn)} classes", f"its probabilities taken over {min(plain)}")
    return ()


def logits_behind(value: Value) -> Value:
    """Undo temperature, noise and views on the way to a softmax."""
    for _ in range(20):
        value = through_views(value)
        call = value.producer
        if call is None or call.name not in {"add", "div", "mul", "sub"}:
            return value
        informed = [v for v in call.inputs if Flow.PARAMETER in v.flow]
        if len(informed) != 1:
            return value
        value = informed[0]
    return value
