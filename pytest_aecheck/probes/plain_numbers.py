"""Terms of a loss that are plain numbers: their values count, and no gradient comes back from them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.summands import summands
from pytest_aecheck.probes.trace import Trace
from pytest_aecheck.probes.vocabulary import VIEWS
from pytest_aecheck.records import PlainNumber

__all__ = ["plain_number"]

_DIGITS = 3
_CLOSE = 1e-9
"""How far a product of two numbers of Python may be from what it was written as: far less than three digits leave open."""


def plain_number(run: Run) -> PlainNumber | None:
    """The first summand of a loss that is a reading of the network, times a factor that somebody wrote; None if none is."""
    if run.loss is None or not run.loss.requires_grad:
        return None
    read = list(_readings(run.trace))
    added = [n for n in summands(run.trace.value(run.loss), VIEWS) if isinstance(n, float) and n and math.isfinite(n)]
    found = ((number, _factor(number, value)) for number in added for value in read)
    return next((PlainNumber(number, factor) for number, factor in found if factor), None)


def _readings(trace: Trace) -> Iterator[float]:
    """What Python read off tensors of one number that have a gradient."""
    for value in trace.escaped:
        if value.tensor.requires_grad and value.tensor.numel() == 1:
            yield float(value.tensor.detach())


def _factor(number: float, read: float) -> float:
    """What a reading was multiplied by, if that is a number of a few digits as people write it; 0 for anything else.

    A reading that is such a number itself, as a weight that starts at 0.5, may equal what somebody wrote by chance.
    """
    if not read or not math.isfinite(read) or _written(read):
        return 0.0
    return _written(number / read)


def _written(number: float) -> float:
    few = float(f"{number:.{_DIGITS}g}")
    return few if math.isclose(number, few, rel_tol=_CLOSE) else 0.0
