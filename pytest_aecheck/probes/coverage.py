"""Does a loader give all of its data, and each once? Samplers are asked for indices; streams are read as workers read them."""

from __future__ import annotations

import itertools
from typing import Any

from torch.utils.data import IterableDataset, IterDataPipe, SequentialSampler, SubsetRandomSampler

from pytest_aecheck.observations import Coverage, Stream, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.wording import said
from pytest_aecheck.probes.workers import as_worker, copied, item_fingerprint

__all__ = ["observe_coverage", "observe_stream"]

_ITEMS = 32
_MOST_BATCHES = 100_000


def _loader(bench: Bench) -> Any:
    if bench.spec.loader is None:
        raise Unavailable("no loader was declared")
    try:
        return bench.spec.loader()
    except Exception as error:
        raise Unavailable(f"the loader raised {said(error)}") from error


def observe_coverage(bench: Bench) -> Coverage:
    """The indices of one epoch. No sample is read."""
    with preserved(), seeded(bench.spec.seed):
        loader = _loader(bench)
        dataset, batches = getattr(loader, "dataset", None), getattr(loader, "batch_sampler", None)
        if dataset is None or batches is None or isinstance(dataset, IterableDataset):
            raise Unavailable("the loader does not say which indices it reads")
        try:
            size = len(dataset)
            made = [list(batch) for batch in itertools.islice(iter(batches), _MOST_BATCHES)]
        except Exception as error:
            raise Unavailable(f"the indices cannot be listed: {said(error)}") from error
    indices = [index for batch in made for index in batch]
    if not all(isinstance(index, int) for index in indices):
        raise Unavailable("the indices are not integers")
    sampler = getattr(batches, "sampler", batches)
    drops, per_batch = bool(getattr(batches, "drop_last", False)), getattr(batches, "batch_size", None) or 0
    return Coverage(
        sampler=type(sampler).__name__,
        samples=size,
        read=len(indices),
        distinct=len(set(indices)),
        batches=len(made),
        chooses=_chooses(sampler, len(indices)),
        dropped=max(per_batch - 1, 0) if drops else 0,
    )


def _chooses(sampler: Any, read: int) -> bool:
    """Whether a sampler is meant to leave samples out."""
    if isinstance(sampler, SequentialSampler):
        return False
    if isinstance(sampler, SubsetRandomSampler) or hasattr(sampler, "rank") or getattr(sampler, "replacement", False):
        return True
    declared = getattr(sampler, "num_samples", None)
    return isinstance(declared, int) and declared == read


def observe_stream(bench: Bench) -> Stream:
    """Read a few items as the first and as the second worker would. None is started."""
    with preserved():
        loader = _loader(bench)
        dataset, workers = getattr(loader, "dataset", None), getattr(loader, "num_workers", 0)
        if not isinstance(dataset, IterableDataset):
            raise Unavailable("the data set is no stream")
        if isinstance(dataset, IterDataPipe):
            raise Unavailable("torch shares out the items of a data pipe by itself")
        if not isinstance(workers, int) or workers < 2:
            raise Unavailable("the loader uses fewer than two workers")
        start = getattr(loader, "worker_init_fn", None)
        try:
            first, second = (_items(dataset, start, worker, workers) for worker in (0, 1))
        except Exception as error:
            raise Unavailable(f"the data set cannot be read as a worker would: {said(error)}") from error
    return Stream(
        workers=workers,
        compared=min(len(first), len(second)),
        equal=sum(a == b for a, b in zip(first, second, strict=False)),
        distinct=len(set(first)),
    )


def _items(dataset: Any, start: Any, worker: int, workers: int) -> list[Any]:
    with seeded(1000 + worker), as_worker(copied(dataset), worker, workers, 1000 + worker) as own:
        if start is not None:
            start(worker)
        return [item_fingerprint(item) for item in itertools.islice(iter(own), _ITEMS)]
