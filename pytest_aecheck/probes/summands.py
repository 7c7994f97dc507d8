"""A loss taken apart: the tensors and the plain numbers that are added up in it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_aecheck.probes.ranges import through_views
from pytest_aecheck.probes.trace import Value

__all__ = ["summands"]

_SUMS = frozenset({"add", "sub", "rsub"})
_FACTORS = frozenset({"mul", "div", "true_divide", "neg"})


def summands(value: Value, views: frozenset[str], depth: int = 12) -> Iterator[Value | float]:
    """The summands of a value; operations named in `views`, and factors that are numbers, are looked through."""
    value = through_views(value, views=views)
    call = value.producer
    name = call.name.rstrip("_") if call is not None else ""
    if call is None or not depth or name not in _SUMS | _FACTORS or (name in _FACTORS and len(call.inputs) != 1):
        yield value
        return
    if name in _SUMS:
        yield from (argument for argument in call.args if isinstance(argument, float))
    for part in call.inputs:
        yield from summands(part, views, depth - 1)
