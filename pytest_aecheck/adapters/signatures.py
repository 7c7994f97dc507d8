"""What a callable takes."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["leading", "positional", "takes"]


def positional(function: Any, offered: int) -> int:
    """How many of `offered` positional arguments a callable takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return offered
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return offered
    return min(offered, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


def leading(forward: Any, batch: Any) -> tuple[Any, ...]:
    """The first parts of a batch, as many as a forward takes."""
    return tuple(batch[: positional(forward, len(batch))]) if isinstance(batch, list | tuple) else (batch,)


def takes(function: Any, given: int) -> bool:
    """Whether a callable is content with that many positional arguments."""
    try:
        inspect.signature(function).bind(*[None] * given)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
