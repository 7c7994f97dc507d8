"""Many files, in order: in this process, or in several when there is enough to do."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aelint.engine.analyse import Analyser, FileReport, Plan
from aelint.engine.cache import content_digest
from aelint.engine.findings import unreadable
from aelint.sources.decode import UnreadableError

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["analyse_files", "default_jobs"]

WORTH_A_PROCESS = 30_000
"""Bytes of relevant source below which starting a second process costs more than it gains."""
CHUNK = 8
"""Files per message to a worker."""

_analyser: Analyser | None = None


def default_jobs() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def analyse_files(analyser: Analyser, paths: Sequence[str], *, size: int, jobs: int) -> Iterator[FileReport]:
    """The reports on the files, in their order.

    Args:
        analyser: Used in this process, and inherited by the workers where the system can fork.
        paths: Files that passed the prefilter.
        size: Their bytes together.
        jobs: At most this many processes.
    """
    jobs = min(jobs, size // WORTH_A_PROCESS, len(paths))
    with analyser.collector.resting():  # forked workers inherit that
        reports = _in_processes(analyser, paths, jobs) if jobs > 1 else (_one(analyser, path) for path in paths)
        yield from reports


def _one(analyser: Analyser, path: str) -> FileReport:
    try:
        data = analyser.plan.reader.read(path)
    except UnreadableError as error:
        return FileReport(path, (unreadable(path, error),))
    return replace(analyser.analyse(path, data), digest=content_digest(data))


def _in_processes(analyser: Analyser, paths: Sequence[str], jobs: int) -> Iterator[FileReport]:
    # half of the start-up time of a run that needs no workers
    import multiprocessing  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415

    global _analyser  # noqa: PLW0603 - what forked workers inherit without pickling
    _analyser = analyser
    analyser.prepare()  # once here instead of once in each worker
    others = set(multiprocessing.active_children())
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    pool = ProcessPoolExecutor(min(jobs, len(chunks)), multiprocessing.get_context(method), _prepare, (analyser.plan,))
    try:
        waiting: list[tuple[Sequence[str], Future[list[FileReport]]]] = [(c, pool.submit(_chunk, c)) for c in chunks]
        waiting.reverse()
        while waiting:  # each result is let go as soon as it is passed on
            chunk, future = waiting.pop()
            try:
                yield from future.result()
            except BrokenProcessPool:
                yield from (FileReport(path, failures=(_killed(analyser.plan.display(path)),)) for path in chunk)
    except BaseException:  # whoever interrupts a run does not wait for the files that are under way
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _analyser = None


def _killed(path: str) -> str:
    return f"{path}: not analysed, since a worker process was killed (out of memory?); run it with --jobs 1"


def _prepare(plan: Plan) -> None:
    global _analyser  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts every process; the first one ends the others
    if _analyser is None:  # a spawned worker inherits nothing
        _analyser = Analyser(plan)
        gc.disable()


def _chunk(paths: Sequence[str]) -> list[FileReport]:
    if _analyser is None:
        raise RuntimeError("the worker was not prepared")
    return [_one(_analyser, path) for path in paths]
