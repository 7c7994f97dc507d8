"""How much of a trained codebook the data use."""

from __future__ import annotations

import math
from typing import Any

import torch

from pytest_aecheck.observations import CodeBook, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.quantizers import searches
from pytest_aecheck.probes.runs import record

__all__ = ["corrected_perplexity", "observe_codebooks"]

_SAMPLES = 256
_MOST_BATCHES = 16
_PER_ENTRY = 20
"""Vectors per entry that are enough."""


def observe_codebooks(bench: Bench) -> tuple[CodeBook, ...]:
    """Count what every search chooses, over up to 16 batches of 256 samples in evaluation mode."""
    counts: dict[str, Any] = {}
    samples = 0
    with bench.ready(training=False) as model:
        for number in range(_MOST_BATCHES):
            batch = bench.batch(_SAMPLES, 7 + number)
            run = record(bench, model, batch, seed=bench.spec.seed + number, with_loss=False)
            samples += _SAMPLES
            for position, (where, ids, entries) in enumerate(searches(run, model)):
                key = f"{position} {where}"
                found = torch.bincount(ids.reshape(-1).cpu(), minlength=entries)
                counts[key] = counts.get(key, 0) + found
            if not counts:
                raise Unavailable("the model looks nothing up in a codebook")
            if all(int(one.sum()) >= _PER_ENTRY * len(one) for one in counts.values()):
                break
    return tuple(_counted(key.partition(" ")[2], one, samples) for key, one in counts.items())


def _counted(where: str, counts: Any, samples: int) -> CodeBook:
    return CodeBook(
        where=where,
        entries=len(counts),
        used=int((counts > 0).sum()),
        perplexity=corrected_perplexity(counts),
        vectors=int(counts.sum()),
        samples=samples,
    )


def corrected_perplexity(counts: Any) -> float:
    """Exp of the entropy of a distribution that was counted, at most the number of entries.

    The entropy of n counts is too small by about (used - 1) / 2n; Miller (1955), "Note on the bias of information estimates".
    """
    n, used = int(counts.sum()), int((counts > 0).sum())
    share = counts[counts > 0].double() / n
    entropy = float(-(share * share.log()).sum()) + (used - 1) / (2 * n)
    return min(math.exp(entropy), float(len(counts)))
