"""How a model picks entries of its codebook, against a search by hand."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Quantizer, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.shared import evaluation_pass
from pytest_aecheck.probes.trace import Call, Flow, Value
from pytest_aecheck.probes.vocabulary import VIEWS

__all__ = ["LOOKUPS", "SEARCHES", "compared", "looked_up", "observe_quantizers", "searches", "vectors_of"]

SEARCHES = ("argmin", "argmax", "min", "max", "topk")
LOOKUPS = frozenset({"embedding", "getitem", "index_select"})
_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
_NORMALISED = frozenset({"normalize", "div"})
_COMPARES = frozenset({"cdist", "matmul", "mm", "einsum", "linear", "addmm", "sub", "sub_", "cosine_similarity"})


def observe_quantizers(bench: Bench) -> tuple[Quantizer, ...]:
    """Every search whose result is looked up in a table of the model, in evaluation mode."""
    run = evaluation_pass(bench).run
    tables = {id(t) for t in (*bench.model.parameters(), *bench.model.buffers()) if t.dim() == 2}
    found = []
    for call in run.trace.named(*SEARCHES):
        table = looked_up(call, tables)
        if table is not None:
            found.append(_observed(call, table))
    if not found:
        raise Unavailable("the model looks nothing up in a codebook")
    return tuple(found)


def searches(run: Run, model: Any) -> list[tuple[str, Any, int]]:
    """(module, chosen indices, entries of the table) of every search whose result is looked up in a table of the model."""
    tables = {id(t) for t in (*model.parameters(), *model.buffers()) if t.dim() == 2}
    found = []
    for call in run.trace.named(*SEARCHES):
        table, chosen = looked_up(call, tables), _chosen(call)
        if table is not None and chosen is not None:
            found.append((call.module.strip(".") or "the model", chosen.tensor, int(table.tensor.shape[0])))
    return found


def _chosen(call: Call) -> Value | None:
    """The indices that a search gives."""
    return next((v for v in call.outputs if not v.tensor.is_floating_point()), None)


def looked_up(call: Call, tables: set[int]) -> Value | None:
    """The table in which the indices of a search are looked up as they are."""
    chosen = _chosen(call)
    if chosen is None or not call.inputs:
        return None
    reading = list(chosen.consumers)
    while reading:
        following = reading.pop()
        first_is_table = following.name != "embedding" or following.inputs[0].tensor.is_floating_point()
        if following.name in LOOKUPS and len(following.inputs) > 1:
            table = following.inputs[0 if first_is_table else 1]
            if id(through_views(table).tensor) in tables and table.tensor.dim() == 2:
                return table
        if following.name in VIEWS:
            reading.extend(later for output in following.outputs for later in output.consumers)
    return None


def _observed(call: Call, table: Value) -> Quantizer:
    scores = call.inputs[0].tensor
    axis = call.axis
    if call.name == "topk":
        axis = call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else -1)
    entries = int(table.tensor.shape[0])
    searched = int(scores.shape[axis]) if isinstance(axis, int) and scores.dim() else entries
    agreement, vectors = _agreement(call, table)
    where = call.module.strip(".") or "the model"
    return Quantizer(where, entries, searched, agreement, vectors, mixing=_mixing(call, table))


def _mixing(call: Call, table: Value) -> float:
    """Share of the vectors that are no pixel's channels, although they have as many elements and come from a feature map.

    Rows that a channel's whole map fills are vectors too, so that nothing is said where a map has as many pixels as channels.
    """
    source = compared(call.inputs[0], table)
    features = None if source is None else _feature_map(source)
    if source is None or features is None:
        return 0.0
    size, channels = table.tensor.shape[1], features.shape[1]
    pixels = features[0, 0].numel()
    if size != channels or pixels in {1, channels}:
        return 0.0
    vectors = source.tensor.detach().reshape(-1, size) if source.tensor.shape[-1] == size else None
    if vectors is None or vectors.numel() != features.numel():
        return 0.0
    whole = {row.tobytes() for row in features.movedim(1, -1).reshape(-1, size).cpu().float().numpy()}
    rows = [row.tobytes() for row in vectors.cpu().float().numpy()]
    return sum(row not in whole for row in rows) / len(rows)


def _feature_map(value: Value) -> Any:
    """The result of a convolution, (B, C, ...), of which a value is only a view; None where there is none."""
    while value.producer is not None and value.producer.name in VIEWS and value.producer.inputs:
        value = value.producer.inputs[0]
    made = value.producer
    return value.tensor.detach() if made is not None and made.name in _CONVOLUTIONS and value.tensor.dim() > 2 else None


def _agreement(call: Call, table: Value) -> tuple[float, int]:
    """(share of vectors for which the search took an entry that is best by some measure, number of vectors)."""
    chosen = _chosen(call)
    source = compared(call.inputs[0], table)
    if chosen is None or source is None:
        return float("nan"), 0
    ids = chosen.tensor.reshape(-1)
    candidates = [z for z in vectors_of(source, table.tensor.shape[1]) if z.shape[0] == ids.numel()]
    if not candidates or not bool((ids < table.tensor.shape[0]).all()):
        return float("nan"), 0
    book = table.tensor.detach().double()
    slack = 64 * torch.finfo(table.tensor.dtype).eps
    return max(_share_best(costs, ids, slack) for z in candidates for costs in _costs(z, book)), int(ids.numel())


def _costs(z: Any, book: Any) -> tuple[Any, ...]:
    """What a search may make small: distance, angle, or the negative inner product."""
    unit = torch.nn.functional.normalize
    return torch.cdist(z, book), -(unit(z, dim=1) @ unit(book, dim=1).t()), -(z @ book.t())


def _share_best(costs: Any, ids: Any, slack: float) -> float:
    taken = costs.gather(1, ids[:, None])[:, 0]
    return float((taken <= costs.min(1).values + slack * costs.abs().max()).double().mean())


def compared(scores: Value, table: Value) -> Value | None:
    """What is compared with the table on the way to the scores."""
    stack, seen = [scores], set()
    while stack:
        call = stack.pop().producer
        if call is None or call.index in seen:
            continue
        seen.add(call.index)
        if call.name in _COMPARES:
            ours = [v for v in call.inputs if Flow.INPUT not in v.flow and _from(v, table)]
            theirs = [v for v in call.inputs if Flow.INPUT in v.flow and v.tensor.is_floating_point()]
            if ours and theirs:
                return theirs[-1] if call.name == "addmm" else theirs[0]
        stack.extend(v for v in call.inputs if Flow.INPUT in v.flow)
    return None


def _from(value: Value, table: Value) -> bool:
    """Whether a value is the table, moved or normalised; a projected table is another codebook."""
    book = through_views(table)
    for _ in range(12):
        if value.tensor is book.tensor:
            return True
        if value.producer is None or value.producer.name not in VIEWS | _NORMALISED or not value.producer.inputs:
            return False
        value = value.producer.inputs[0]
    return False


def vectors_of(value: Value, size: int) -> list[Any]:
    """The value as rows of `size` numbers, also before it was moved, or multiplied as in `-2 * z @ book.t()`."""
    found = []
    for _ in range(12):
        if value.tensor.dim() and value.tensor.shape[-1] == size:
            found.append(value.tensor.detach().double().reshape(-1, size))
        call = value.producer
        if call is None or not (call.name in VIEWS or (call.name in {"mul", "div", "neg"} and len(call.inputs) == 1)):
            break
        value = call.inputs[0]
    return found
