"""Images of intervals under the functions that networks use. Results are outer bounds."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import Interval

__all__ = [
    "BOOL",
    "NONNEGATIVE",
    "NONPOSITIVE",
    "SIGNED_UNIT",
    "UNIT",
    "absolute",
    "hull",
    "increasing",
    "places",
    "power",
    "sane",
    "softplus",
    "square",
]

NONNEGATIVE = Interval(0)
NONPOSITIVE = Interval(high=0)
UNIT = Interval(0, 1)
SIGNED_UNIT = Interval(-1, 1)
BOOL = Interval(0, 1)

_LARGEST = sys.float_info.max


def sane(low: float, high: float) -> Interval:
    """The interval between two computed ends: what is not a number is unbounded, and no end is beyond infinity."""
    low = -math.inf if math.isnan(low) else min(low, _LARGEST)
    high = math.inf if math.isnan(high) else max(high, -_LARGEST)
    return Interval(low, high) if low <= high else Interval()


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all; the whole line for none."""
    parts = list(intervals)
    return Interval(min(p.low for p in parts), max(p.high for p in parts)) if parts else Interval()


def places(count: Dim | None) -> Interval:
    """The places of so many entries, counted from 0."""
    return Interval(0, float(count - 1)) if isinstance(count, int) and count > 0 else NONNEGATIVE


def increasing(function: Callable[[float], float], interval: Interval) -> Interval:
    """The image under a function that never decreases. Outside of its domain an end is unbounded."""
    return sane(_at(function, interval.low, -math.inf), _at(function, interval.high, math.inf))


def _at(function: Callable[[float], float], x: float, fallback: float) -> float:
    try:
        return function(x)
    except OverflowError:
        return math.inf
    except (ValueError, ZeroDivisionError):
        return fallback


def absolute(interval: Interval) -> Interval:
    """The absolute values."""
    ends = (abs(interval.low), abs(interval.high))
    inside = interval.low <= 0 <= interval.high
    return sane(0.0 if inside else min(ends), max(ends))


def square(interval: Interval) -> Interval:
    """The squares: never negative, other than the product of two independent values."""
    size = absolute(interval)
    return sane(size.low * size.low, size.high * size.high)


def power(base: Interval, exponent: float) -> Interval:
    """A constant power. Negative bases stay real for whole exponents only; other values are not numbers."""
    if exponent == 0:
        return Interval(1, 1)
    if exponent.is_integer() and exponent % 2 == 0:
        size = absolute(base)
        if exponent > 0:
            return increasing(lambda x: x**exponent, size)
        return sane(_reciprocal_power(size.high, exponent), _reciprocal_power(size.low, exponent))
    if exponent.is_integer() and exponent > 0:
        return increasing(lambda x: x**exponent, base)
    if base.low < 0:
        return Interval() if exponent.is_integer() else NONNEGATIVE
    if exponent > 0:
        return increasing(lambda x: x**exponent, base)
    return sane(_reciprocal_power(base.high, exponent), _reciprocal_power(base.low, exponent))


def _reciprocal_power(x: float, exponent: float) -> float:
    if x == 0:
        return math.inf
    try:
        return float(x**exponent)
    except OverflowError:
        return math.inf


def softplus(x: float, beta: float = 1.0) -> float:
    """log(1 + exp(beta*x)) / beta without overflow."""
    scaled = x * beta
    return (max(scaled, 0.0) + math.log1p(math.exp(-abs(scaled)))) / beta
