"""Does a decoder that is given the tokens see the one that it has to predict?

The code is held constant and one token is changed. Where the target changes with it, the scores must not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pytest_aecheck.observations import Teacher, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import find_code
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import Run, record, replaced_primary, zeros
from pytest_aecheck.probes.trace import Flow, Value

__all__ = ["observe_teacher"]

_PLACES = 4


def observe_teacher(bench: Bench) -> Teacher:
    """Change one token of the first sample at a few places, one after the other."""
    batch = bench.batch(bench.spec.batch_size, 0)
    x = bench.primary(batch)
    if x.is_floating_point() or x.dim() != 2:
        raise Unavailable("the input is not a batch of token sequences")
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    with bench.ready(training=True) as model:
        whole = record(bench, model, batch, seed=bench.spec.seed, noise=zeros)
        code = find_code(whole)
        if not code.drawn:
            raise Unavailable("the model draws no latent: what else the decoder may see is not known")
        held = {key: value.tensor.detach().clone() for key, value in zip(code.keys, code.values, strict=True)}
        override = {key: _always(kept) for key, kept in held.items()}
        before = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, override=override)
        seen = [
            found for place in _places(bench, x) for found in _changes(bench, model, batch, place, before, override)
        ]
    if not seen:
        raise Unavailable("no target of the loss follows the tokens one by one")
    return Teacher(places=len(seen), shown=sum(seen))


def _always(kept: Any) -> Callable[[Any], Any]:
    return lambda _: kept


def _places(bench: Bench, x: Any) -> list[int]:
    """Positions in a sequence, the ends left out: they may be marks of begin and end."""
    length = x.shape[1 - min(bench.batch_axis, 1)]
    return sorted({int(i) for i in torch.linspace(1, length - 2, _PLACES)}) if length > 2 else []


def _changes(bench: Bench, model: Any, batch: Any, place: int, before: Run, override: Any) -> list[bool]:
    """For every target that changed with the token: did the scores at that very place change as well?"""
    x = bench.primary(batch)
    changed = x.clone()
    row = changed.select(bench.batch_axis, 0)
    others = x[x != row[place]]
    if not others.numel():
        return []
    row[place] = others[0]
    fed = replaced_primary(bench, batch, changed)
    after = record(bench, model, fed, seed=bench.spec.seed, noise=zeros, override=override)
    found = []
    for (scores, target), (again, moved) in zip(_scored(before), _scored(after), strict=False):
        if target.tensor.shape != moved.tensor.shape or scores.tensor.shape != again.tensor.shape:
            continue
        where = (target.tensor != moved.tensor).reshape(-1)
        if int(where.sum()) != 1:
            continue
        index = int(where.nonzero()[0])
        found.append(not torch.equal(_at(scores, target, index), _at(again, moved, index)))
    return found


def _scored(run: Run) -> list[tuple[Value, Value]]:
    """(scores over a vocabulary, tokens) of every comparison that the loss makes."""
    return [
        (scores, target)
        for scores, target in comparisons(run)
        if not target.tensor.is_floating_point() and Flow.INPUT in target.flow and scores.tensor.is_floating_point()
    ]


def _at(scores: Value, target: Value, index: int) -> Any:
    """The scores for one target. Classes are on the second axis, (N, classes, ...), as torch has them."""
    tensor = scores.tensor.detach()
    flat = tensor.movedim(1, -1).reshape(target.tensor.numel(), -1) if tensor.dim() > 1 else tensor.reshape(1, -1)
    return flat[index]
