"""What a callable takes."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["leading", "left_open", "optimizer_parameter", "positional", "required", "takes"]


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


def required(function: Any) -> int:
    """How many positional arguments a callable cannot do without."""
    return sum(p.default is p.empty for p in _placed(function))


def left_open(function: Any, given: int) -> list[str]:
    """The names of the positional arguments that a callable still wants after that many."""
    try:
        return [p.name for p in _placed(function)[given:] if p.default is p.empty]
    except (TypeError, ValueError):  # compiled functions have no signature
        return []


def optimizer_parameter(function: Any) -> tuple[int, str] | None:
    """Place and name of the parameter of a training step that is named for an optimiser."""
    named = (
        (place, p.name)
        for place, p in enumerate(_placed(function))
        if place and p.kind is p.POSITIONAL_OR_KEYWORD and _OPTIMIZER.match(p.name)
    )
    return next(named, None)


_OPTIMIZER = re.compile(r"opt(im(i[sz]ers?)?)?s?$|optimi[sz]ers?(_|$)")


def _placed(function: Any) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
