"""Intervals of real numbers: what values a tensor can take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

__all__ = ["ANY", "Interval"]


@dataclass(frozen=True, slots=True)
class Interval:
    """The closed interval from `low` to `high`; infinite ends are open."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def unknown(self) -> bool:
        """Whether it is the whole line."""
        return self.low == -math.inf and self.high == math.inf

    def hull(self, other: Self) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def widened(self, later: Self) -> Interval:
        """Itself, where `later` lies within; an end that has moved by then may move on for ever."""
        low = self.low if later.low >= self.low else -math.inf
        return Interval(low, self.high if later.high <= self.high else math.inf)

    def meet(self, other: Self) -> Interval:
        """The values that lie in both; an empty meeting gives the point at which they come closest."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else Interval(low, low)

    def covers(self, other: Self, *, slack: float = 0.0) -> bool:
        """Whether every value of `other` lies here, up to `slack` on each side."""
        return self.low <= other.low + slack and self.high >= other.high - slack

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        products = [_times(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(products), max(products))

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0 <= other.high:
            return ANY
        return self * Interval(1 / other.high, 1 / other.low)

    def __str__(self) -> str:
        left = "(-inf" if self.low == -math.inf else f"[{self.low:g}"
        right = "inf)" if self.high == math.inf else f"{self.high:g}]"
        return f"{left}, {right}"


def _times(left: float, right: float) -> float:
    # 0 * inf is 0 here: an end of an interval is a limit, and a factor that is exactly 0 wins.
    return 0.0 if left == 0 or right == 0 else left * right


ANY = Interval()
