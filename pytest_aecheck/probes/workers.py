"""Do a loader's workers draw the same noise? Simulated in this process, without starting any.

A worker gets a copy of the data set and seeds the global generators of torch, `random` and numpy for itself. A generator
that the data set holds is copied with it: every worker, and with new workers every epoch, starts it from the same state.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset
from torch.utils.data._utils import worker as torch_worker

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.observations import Unavailable, WorkerNoise
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.wording import said

__all__ = ["as_worker", "copied", "item_fingerprint", "observe_worker_noise"]

_READINGS = 4


def observe_worker_noise(bench: Bench) -> WorkerNoise:
    """Read a few items in simulated workers 0 and 1, and again as in a later epoch."""
    if bench.spec.loader is None:
        raise Unavailable("no loader was declared")
    with preserved():
        try:
            loader = bench.spec.loader()
        except Exception as error:
            raise Unavailable(f"the loader raised {said(error)}") from error
        workers = getattr(loader, "num_workers", None)
        if not isinstance(workers, int):
            raise Unavailable("the loader does not say how many workers it has")
        if not workers:
            raise Unavailable("the loader uses no workers")
        dataset = loader.dataset
        if isinstance(dataset, IterableDataset):
            raise Unavailable("the data set is a stream")
        start = getattr(loader, "worker_init_fn", None)
        try:
            first, second, later = (_readings(dataset, start, *which, workers) for which in ((0, 1), (1, 1), (0, 2)))
        except Exception as error:
            raise Unavailable(f"the data set cannot be read as a worker would: {said(error)}") from error
    return WorkerNoise(
        workers=workers,
        random=len(set(first)) > 1,
        same_in_two_workers=first == second,
        same_in_two_epochs=first == later and not getattr(loader, "persistent_workers", False),
    )


def _readings(dataset: Any, start: Any, worker: int, epoch: int, workers: int) -> tuple[Any, ...]:
    """Checksums of one item, read several times in a row by a fresh worker."""
    seed = 1000 * epoch + worker
    with seeded(seed), as_worker(copied(dataset), worker, workers, seed) as own:
        if start is not None:
            start(worker)
        return tuple(item_fingerprint(own[0]) for _ in range(_READINGS))


def copied(dataset: Any) -> Any:
    """A copy with generators of its own. deepcopy shares bound methods of C objects, such as `Random(0).random`."""
    try:
        return pickle.loads(pickle.dumps(dataset))  # noqa: S301 - written a moment ago, by this process
    except Exception:  # noqa: BLE001 - what cannot be pickled may still be copied
        return copy.deepcopy(dataset)


@contextlib.contextmanager
def as_worker(dataset: Any, worker: int, workers: int, seed: int) -> Iterator[Any]:
    """Let `get_worker_info()` answer as it does inside a worker."""
    before = torch_worker._worker_info  # noqa: SLF001 - where torch keeps it
    torch_worker._worker_info = torch_worker.WorkerInfo(  # noqa: SLF001
        id=worker, num_workers=workers, seed=seed, dataset=dataset
    )
    try:
        yield dataset
    finally:
        torch_worker._worker_info = before  # noqa: SLF001


def item_fingerprint(item: Any) -> Any:
    """The bytes of an item's tensors, or what it is written as."""
    found = tuple(_bytes(leaf.tensor) for leaf in leaves(item))
    return found or repr(item)


def _bytes(tensor: Any) -> Any:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
