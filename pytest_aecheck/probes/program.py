"""Facts about the calls that a training forward makes."""

from __future__ import annotations

import math
from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.observations import Program
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.idle_codebooks import idle_codebook
from pytest_aecheck.probes.lineage import ancestors, descendants
from pytest_aecheck.probes.ranges import interval_of, through_views
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.shared import TrainingPass, evaluation_pass, training_pass
from pytest_aecheck.probes.sites import find_sites, scale_chain
from pytest_aecheck.probes.trace import Call, Flow, Value
from pytest_aecheck.probes.vocabulary import NORMAL, UNIFORM, VIEWS

__all__ = ["observe_program"]

_DROPOUT = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "dropout_"}
)
_NORMALISATIONS = frozenset({"batch_norm", "layer_norm", "instance_norm", "group_norm"})
_BOUNDED = frozenset({"sigmoid", "sigmoid_", "tanh", "tanh_", "hardsigmoid", "softmax"})
_TRANSPARENT = VIEWS | _DROPOUT | {"batch_norm"}
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
    training = training_pass(bench)
    run = training.run
    x_hat = run.maybe_reconstruction()
    last, training_only = _last_operation(x_hat)
    discarded = _discarded(run)
    chain = _linear_chain(run)
    penalty = _linear_penalty(run, x_hat)
    evaluation = evaluation_pass(bench).run
    dropped = _dropout_in_eval(evaluation)
    used = {name for name, table in _tables(bench.model) if _read(evaluation, table)}
    blowup, name = _code_blowup(training, used)
    idle, average = idle_codebook(bench, training, used)
    return Program(
        last,
        training_only,
        discarded,
        dropped,
        blowup,
        name,
        chain,
        penalty,
        normalised_after=_normalised_after(x_hat),
        unused_noise=_unused_noise(run),
        identity_activation=_identity_activation(run),
        blocked_by_dropout=_blocked_by_dropout(run),
        idle_codebook=idle,
        idle_average=average,
    )


def _normalised_after(x_hat: Value | None) -> str:
    """The bounded function whose result is normalised as the very last step."""
    call = None if x_hat is None else through_views(x_hat).producer
    if call is None or call.name not in _NORMALISATIONS or not call.inputs:
        return ""
    before = through_views(call.inputs[0]).producer
    return before.name if before is not None and before.name in _BOUNDED else ""


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
    kept = set() if run.output is None else {id(leaf.tensor) for leaf in leaves(run.output)}
    return tuple(
        f"{call.name} in {call.module or 'the loss'}"
        for call in run.trace.calls
        if _should_be_read(call)
        and "out" not in call.kwargs
        and not call.out.consumers
        and id(call.out.tensor) not in kept
        and call.grad
        and not any(call.out.tensor is value.tensor for value in call.inputs)
    )


def _unused_noise(run: Run) -> tuple[str, ...]:
    """Noise that was drawn and then neither entered the loss or an output, nor steered anything, nor met a weight."""
    if run.trace.stopped or run.output is None:
        return ()
    outputs = [run.trace.value(leaf.tensor) for leaf in leaves(run.output)]
    ends = outputs if run.loss is None else [*outputs, run.trace.value(run.loss)]
    used = {index for value in ends for index in ancestors(value)}
    escaped = {id(value) for value in run.trace.escaped}
    return tuple(
        f"{call.name} of shape {tuple(call.out.tensor.shape)} in {call.module.strip('.') or 'the loss or the model'}"
        for call in run.trace.named(*(NORMAL | UNIFORM))
        if call.index not in used
        and call.out.tensor.numel() > 1
        and not isinstance(call.out.tensor, torch.nn.Parameter)
        and _leads_nowhere(call, escaped)
    )


def _leads_nowhere(call: Call, escaped: set[int]) -> bool:
    """Whether nothing that was computed from a draw met a weight, or was read as a number."""
    return not any(id(value) in escaped or Flow.PARAMETER in value.flow for value in descendants(call.outputs))


def _should_be_read(call: Call) -> bool:
    if call.name in _DROPOUT:
        return _active(call) and _probability(call) > 0 and bool(call.out.flow & (Flow.PARAMETER | Flow.INPUT))
    return call.name in _PURE_WITH_TWIN and Flow.PARAMETER in call.out.flow


def _identity_activation(run: Run) -> str:
    """The module of the first leaky rectifier that leaves negative numbers as they are."""
    for call in run.trace.named("leaky_relu", "leaky_relu_"):
        slope = call.kwargs.get("negative_slope", call.args[1] if len(call.args) > 1 else 0.01)
        if isinstance(slope, int | float) and slope == 1 and bool((call.inputs[0].tensor < 0).any()):
            return call.module or "the model"
    return ""


def _blocked_by_dropout(run: Run) -> str:
    """The module of the first dropout that is active and drops everything."""
    blocked = (c for c in run.trace.calls if c.name in _DROPOUT and _active(c) and _probability(c) == 1)
    return next((call.module or "the model" for call in blocked), "")


def _linear_chain(run: Run) -> str:
    """A linear layer, twice in a row followed by batch normalisation and another linear layer without an activation."""
    lengths: dict[int, int] = {}
    for call in run.trace.named("linear"):
        source, normalised = call.inputs[0], False
        while source.producer is not None and source.producer.name in _TRANSPARENT:
            normalised = normalised or source.producer.name == "batch_norm"
            source = source.producer.inputs[0]
        before = source.producer
        lengths[call.index] = (
            lengths.get(before.index, 1) + 1 if before is not None and normalised and before.name == "linear" else 1
        )
        if lengths[call.index] >= 3:
            return f"{lengths[call.index]} linear layers up to {call.module or 'the model'}"
    return ""


def _linear_penalty(run: Run, x_hat: Value | None) -> str:
    """A sum or mean that the loss takes of a code directly, where the code can be negative without bound."""
    if run.loss is None or x_hat is None:
        return ""
    loss_calls, code_calls = ancestors(run.trace.value(run.loss)), ancestors(x_hat)
    scales = {id(v) for site in find_sites(run.trace) for v in (*scale_chain(site.scale), site.mean)}
    for call in run.trace.named("mean", "sum"):
        if call.index not in loss_calls or call.index in code_calls or not call.inputs:
            continue
        code = through_views(call.inputs[0])
        made = code.producer
        if (
            made is None
            or made.index not in code_calls
            or id(code) in scales
            or made.name not in {"linear", "conv1d", "conv2d", "addmm"}
        ):
            continue
        if not _feeds_a_layer(code, code_calls):
            continue
        if (
            math.isinf(interval_of(code).low)
            and any(v.producer is not None for v in made.inputs[:1])
            and bool((code.tensor < 0).any())
        ):
            return f"{call.name} of the output of {made.module or 'a layer'}"
    return ""


_LAYERS = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "matmul"}
)


def _feeds_a_layer(code: Value, decoder: set[int]) -> bool:
    """Whether the decoder multiplies the code by weights, which tells a code from a log-determinant or a score."""
    reading = [call for call in code.consumers if call.index in decoder]
    for call in reading:
        if call.name in _LAYERS and call.inputs[0] is code:
            return True
        if call.name in VIEWS:
            reading.extend(
                following for output in call.outputs for following in output.consumers if following.index in decoder
            )
    return False


def _read(run: Run, table: Any) -> bool:
    value = run.trace.current.get(id(table))
    return value is not None and bool(value.consumers)


def _code_blowup(training: TrainingPass, used: set[str]) -> tuple[float, str]:
    """How far a table that the forward updates has outgrown everything that the pass computed.

    An average of vectors cannot be larger than the largest of them.
    """
    changed = {name: values for name, values in training.tables.items() if name in used}
    if not changed:
        return 0.0, ""
    reference = max(
        (
            float(v.tensor.detach().abs().nan_to_num().max())
            for e in training.run.trace.executions
            for v in e.inputs
            if v.tensor.is_floating_point() and v.tensor.numel()
        ),
        default=0.0,
    )
    worst = (0.0, "")
    for name, (before, after) in changed.items():
        bound = max(reference, float(before.abs().max()))
        if bound:
            worst = max(worst, (float(after.abs().max()) / bound, name))
    return worst


def _tables(model: Any) -> list[tuple[str, Any]]:
    return [
        (n, b) for n, b in [*model.named_buffers(), *model.named_parameters()] if b.dim() == 2 and b.is_floating_point()
    ]
