"""Estimates from samples, each with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Estimate", "distinct_rows", "mean_of", "ratio_of_means", "root_ratio", "variances"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its standard error. `low` and `high` are two standard errors away."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Below this lies the truth once in about forty samples of normal values."""
        return self.value - 2 * self.error

    @property
    def high(self) -> float:
        """Above this lies the truth once in about forty samples of normal values."""
        return self.value + 2 * self.error


def mean_of(values: Any) -> Estimate:
    """Mean of independent numbers, shape (n,)."""
    return Estimate(float(values.mean()), float(values.std()) / len(values) ** 0.5)


def ratio_of_means(above: Any, below: Any) -> Estimate:
    """`mean(above) / mean(below)` of paired numbers, shape (n,) each; its error by the delta method (Cochran 1977, section 6.4)."""
    ratio = float(above.mean()) / float(below.mean())
    return Estimate(ratio, mean_of(above - ratio * below).error / float(below.mean()))


def root_ratio(squares: Any, reference: float) -> Estimate:
    """`sqrt(mean(squares) / reference)`, its error by the first derivative (delta method)."""
    mean = mean_of(squares)
    root = (max(mean.value, 0.0) / reference) ** 0.5
    return Estimate(root, mean.error / (2 * root * reference) if root else 0.0)


def variances(values: Any) -> tuple[Any, Any]:
    """Variance of each column of (n, units) and its standard error, `sqrt((m4 - s⁴) / n)`.

    The fourth moment is taken from the data, so that heavy tails widen the error (Rao 1973, section 6h).
    """
    centred = values - values.mean(0)
    variance = centred.pow(2).sum(0) / (len(values) - 1)
    fourth = centred.pow(4).mean(0)
    return variance, ((fourth - variance.pow(2)).clamp_min(0) / len(values)).sqrt()


def distinct_rows(rows: Any) -> int:
    """How many different samples there are: repeated ones carry no information of their own."""
    return len(torch.unique(rows, dim=0))
