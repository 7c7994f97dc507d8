"""Which elements of the input the prediction can see, and which the loss counts."""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Masking, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.masks import counted_elements, seen_elements
from pytest_aecheck.probes.runs import record_opened
from pytest_aecheck.probes.shared import training_pass

__all__ = ["observe_masking"]


def observe_masking(bench: Bench) -> Masking:
    """By gradients, in training mode: seen elements have one in the prediction, counted ones in the loss."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    counted = training_pass(bench).counted
    if isinstance(counted, str):
        raise Unavailable(counted)
    if counted.everything:
        raise Unavailable("the loss counts every element of the input")
    with bench.ready(training=True) as model:
        seen, counts, informative = _sets(bench, model, 0)
        again, _, _ = _sets(bench, model, 1)
    random = seen.shape == again.shape and bool((seen != again).any())
    elements = seen.numel()
    return Masking(
        random=random,
        seen=float(seen.double().mean()),
        counted=float(counts.double().mean()),
        both=float((seen & counts).sum()) / elements,
        neither=float((~seen & ~counts & informative).sum()) / elements,
    )


def _sets(bench: Bench, model: Any, seed: int) -> tuple[Any, Any, Any]:
    """(seen, counted, worth seeing) as boolean tensors in the input's layout."""
    batch = bench.batch(bench.spec.batch_size, 0)
    run, leaf = record_opened(bench, model, batch, seed=bench.spec.seed + seed)
    counted = counted_elements(run, leaf)
    return seen_elements(counted.prediction, leaf), counted.elements, bench.primary(batch) != 0
