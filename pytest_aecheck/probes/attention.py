"""Attention in a trace: along which axis its weights sum to one, and along which they are summed with the values."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.trace import Call, Flow, Value

__all__ = ["crossed_attentions"]

_PRODUCTS = frozenset({"matmul", "bmm", "__matmul__"})
_SCALED = frozenset(
    {"mul", "div", "true_divide", "add", "sub", "masked_fill", "masked_fill_", "where", "clamp", "to", "float"}
)
"""What is done to scores on the way to their softmax."""
_KEPT = frozenset({"dropout", "to", "type", "float", "half", "contiguous", "clone", "type_as"})
"""What is done to weights on the way to the values."""
_DEEPEST = 8


def crossed_attentions(run: Run) -> tuple[str, ...]:
    """Attention weights that sum to one along another axis than the one along which they are summed with the values.

    Each as text: the module, the shape of the weights, and their normalised axis.
    """
    return tuple(found for call in run.trace.named("softmax") if (found := _crossed(call)) is not None)


def _crossed(call: Call) -> str | None:
    axis = call.kwargs.get("dim", next((a for a in call.args[1:] if isinstance(a, int)), None))
    rank = call.out.tensor.dim()
    if not isinstance(axis, int) or rank < 2 or not _are_scores(call.inputs[0]):
        return None
    uses = list(_summed(call.out, axis % rank, 0))
    if not uses or any(summed is None or summed == own for own, summed in uses):
        return None
    shape = tuple(int(size) for size in call.out.tensor.shape)
    where = call.module.strip(".") or "the model"
    return f"the attention weights of shape {shape} in {where} sum to 1 along axis {axis % rank}"


def _are_scores(value: Value) -> bool:
    """Whether a product of two activations is behind a value, scaled or masked."""
    for _ in range(_DEEPEST):
        made = value.producer
        if made is None or not made.inputs:
            return False
        if made.name in _PRODUCTS:
            return len(made.inputs) == 2 and all(Flow.INPUT in v.flow and v.producer is not None for v in made.inputs)
        if made.name not in _SCALED:
            return False
        value = max(made.inputs, key=lambda v: Flow.INPUT in v.flow)
    return False


def _summed(weights: Value, axis: int, depth: int) -> Iterator[tuple[int, int | None]]:
    """For each use of the weights: where their normalised axis then is, and which axis is summed over; None for another use."""
    rank = weights.tensor.dim()
    for call in weights.consumers if depth < _DEEPEST else ():
        match call.name:
            case name if name in _PRODUCTS and len(call.inputs) == 2:
                yield axis, rank - 1 if call.inputs[0] is weights else rank - 2
            case name if name in _KEPT:
                yield from _summed(call.out, axis, depth + 1)
            case "transpose" if all(isinstance(a, int) for a in call.args[1:3]) and len(call.args) > 2:
                first, second = (a % rank for a in call.args[1:3])
                moved = {first: second, second: first}.get(axis, axis)
                yield from _summed(call.out, moved, depth + 1)
            case "mT":
                yield from _summed(call.out, {rank - 2: rank - 1, rank - 1: rank - 2}.get(axis, axis), depth + 1)
            case _:
                yield axis, None
