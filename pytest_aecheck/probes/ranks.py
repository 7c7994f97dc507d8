"""Which samples each process of a distributed run would read, found in one process."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

from pytest_aecheck.observations import Ranks, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.wording import said

__all__ = ["observe_ranks"]

_SIZE_NAMES = ("world_size", "num_replicas")
_TRIED = 2
"""How many ranks are built where the loader takes the rank as an argument."""


def observe_ranks(bench: Bench) -> Ranks:
    """The sampler's indices for every rank, in epochs 0 and 1."""
    declared = bench.spec.loader
    if declared is None:
        raise Unavailable("no loader was declared")
    with preserved():
        try:
            samplers = _samplers(declared)
            shares = [_indices(sampler, 0) for sampler in samplers]
            again = [_indices(sampler, 1) for sampler in samplers]
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(f"the samplers cannot be read: {said(error)}") from error
    size = len(samplers[0].dataset) if hasattr(samplers[0], "dataset") else len({i for s in shares for i in s})
    covered = {index for share in shares for index in share}
    read = sum(len(share) for share in shares)
    return Ranks(
        kind=type(samplers[0]).__name__,
        ranks=len(samplers),
        samples=size,
        read=read,
        repeated=read - len(covered),
        missed=size - len(covered),
        drops_last=bool(getattr(samplers[0], "drop_last", False)),
        shuffles=bool(getattr(samplers[0], "shuffle", False)),
        has_set_epoch=hasattr(samplers[0], "set_epoch"),
        epochs_differ=shares != again,
    )


def _samplers(declared: Callable[..., Any]) -> list[Any]:
    """One sampler per rank: from a loader built for each, or copies of one that are told their rank."""
    parameters = inspect.signature(declared).parameters
    size_name = next((name for name in _SIZE_NAMES if name in parameters), None)
    if "rank" in parameters and size_name is not None:
        samplers = []
        for rank in range(_TRIED):
            with seeded(rank):
                samplers.append(_distributed(declared(**{"rank": rank, size_name: _TRIED})))
        return samplers
    sampler = _distributed(declared())
    if sampler.num_replicas < _TRIED:
        raise Unavailable("the sampler is built for one process")
    samplers = [copy.copy(sampler) for _ in range(sampler.num_replicas)]
    for rank, one in enumerate(samplers):
        one.rank = rank
    return samplers


def _distributed(loader: Any) -> Any:
    """The sampler of a loader that knows its rank, also behind a sampler of batches."""
    for holder in (getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None)):
        if isinstance(getattr(holder, "rank", None), int) and isinstance(getattr(holder, "num_replicas", None), int):
            return holder
    raise Unavailable("the loader has no sampler that is distributed over ranks")


def _indices(sampler: Any, epoch: int) -> list[Any]:
    if hasattr(sampler, "set_epoch"):
        sampler.set_epoch(epoch)
    with seeded(epoch):
        return list(sampler)
