"""Two real processes of a distributed run on this machine, each building the declared loader for itself."""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pytest_aecheck.observations import Processes, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.loaders import epoch_fingerprints
from pytest_aecheck.probes.wording import said

__all__ = ["observe_processes"]

_WORLD = 2
_SECONDS = 60.0


def observe_processes(bench: Bench) -> Processes:
    """Read one epoch in each of two processes that are connected by gloo. They are ended after a minute."""
    if bench.spec.loader is None:
        raise Unavailable("no loader was declared")
    import torch.distributed as dist

    if not dist.is_available() or "fork" not in multiprocessing.get_all_start_methods():
        raise Unavailable("this machine cannot fork processes that torch connects")
    with tempfile.TemporaryDirectory() as folder:
        said = _run(bench.spec.loader, Path(folder) / "store")
    broken = next((one for one in said if isinstance(one, str)), None)
    if broken is not None:
        return Processes(error=broken, samples=0, shared=0, shortest=0, longest=0)
    read: list[list[int]] = [one for one in said if isinstance(one, list)]
    return Processes(
        error="",
        samples=len(set().union(*read)),
        shared=len(set(read[0]).intersection(*read[1:])),
        shortest=min(map(len, read)),
        longest=max(map(len, read)),
    )


def _run(loader: Callable[..., Any], store: Path) -> list[list[int] | str]:
    """What each process sends: its samples' fingerprints, or what went wrong."""
    # fork, because a loader that is a closure cannot be sent to a fresh process
    context = multiprocessing.get_context("fork")
    started = []
    for rank in range(_WORLD):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_read, args=(loader, rank, store, theirs), daemon=False)
        process.start()
        started.append((process, ours))
    try:
        return [ours.recv() if ours.poll(_SECONDS) else f"process {rank} gave nothing in {_SECONDS:.0f} seconds"
                for rank, (_, ours) in enumerate(started)]  # fmt: skip
    except EOFError:
        return ["a process ended without a word"]
    finally:
        for process, _ in started:
            process.join(1.0)
            if process.is_alive():
                process.kill()


def _read(loader: Callable[..., Any], rank: int, store: Path, answer: Any) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    try:
        dist.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=_WORLD, timeout=timedelta(seconds=_SECONDS)
        )
        made = [one for batch in epoch_fingerprints(loader()) for one in batch]
        dist.barrier()
        answer.send(made)
    except Exception as error:  # noqa: BLE001 - whatever a process raises is the finding
        answer.send(said(error))
    finally:
        with contextlib.suppress(Exception):
            dist.destroy_process_group()
