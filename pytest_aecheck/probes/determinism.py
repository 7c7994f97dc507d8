"""Repeatable calls: the random state is set before a call and put back after it."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

__all__ = ["preserved", "seeded"]


def _numpy_random() -> Any:
    # numpy is optional, and a model that never imported it cannot draw from it
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.random


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Put the states of torch's, numpy's and Python's generators back on leaving."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    numpy_random = _numpy_random()
    numpy_state = None if numpy_random is None else numpy_random.get_state()
    python_state = random.getstate()
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            random.setstate(python_state)
            if numpy_random is not None:
                numpy_random.set_state(numpy_state)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with every generator seeded, and leave them as they were."""
    with preserved():
        _seed_torch(seed)
        random.seed(seed)
        numpy_random = _numpy_random()
        if numpy_random is not None:
            numpy_random.seed(seed % 2**32)
        yield


def _seed_torch(seed: int) -> None:
    """Seed what can draw. `torch.manual_seed` also queues a seed, with a stack trace, for every absent accelerator."""
    if _accelerated():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@cache
def _accelerated() -> bool:
    return bool(torch.accelerator.is_available() if hasattr(torch, "accelerator") else torch.cuda.is_available())
