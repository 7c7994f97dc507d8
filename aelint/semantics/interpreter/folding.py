"""Python's own functions on known values."""

from __future__ import annotations

from collections.abc import Callable

from aelint.semantics.domain.values import MISSING, Value

__all__ = ["fold"]


def fold(function: Callable[..., Value], *args: Value) -> Value:
    """`function(*args)`, `MISSING` where Python raises: a program that does so ends there, the reading of it does not."""
    try:
        return function(*args)
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return MISSING
