"""Strategies for tensors with values in a known range, and for what may be known of their shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Sym
from tests.semantics.operators.worlds import World, symbolic

FORMS = ("concrete", "concrete", "symbolic", "symbolic", "symbolic", "unknown", "last")


def _values(draw: Callable[[Any], Any], shape: tuple[int, ...], kind: str) -> tuple[torch.Tensor, Interval]:
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    match kind:
        case "bool":
            return torch.rand(shape, generator=generator) > 0.5, Interval(0, 1)
        case "zero":
            return torch.zeros(shape, dtype=torch.int64), Interval(0, 0)
        case "index":
            return torch.randint(0, 12, shape, generator=generator), Interval(0, 11)
        case "unit":
            low, high = 0.0, 1.0
        case "positive":
            low, high = 0.1, 1.0
        case "above":
            low, high = 1.1, 3.0
        case _:
            low, high = sorted(
                draw(st.tuples(st.sampled_from([-9, -3, -1, -0.5, 0, 1]), st.sampled_from([-1, 0, 0.5, 1, 4])))
            )
    if kind == "int":
        low, high = int(low), int(high)
        return torch.randint(low, high + 1, shape, generator=generator), Interval(low, high)
    return torch.rand(shape, generator=generator) * (high - low) + low, Interval(low, high)


def described(
    draw: Callable[[Any], Any],
    world: World,
    shape: tuple[int, ...],
    *,
    kind: str = "float",
    forms: tuple[str, ...] = FORMS,
) -> tuple[torch.Tensor, Sym]:
    """A tensor of this shape, and a Sym that says more or less of it, always truly."""
    tensor, interval = _values(draw, shape, kind)
    if forms != ("concrete",) and draw(st.integers(0, 3)) == 0:
        interval = ANY
    name = {"bool": "bool", "int": "int", "zero": "int", "index": "int"}.get(kind, "float")
    sym = Sym("param", (), {}, None, None, (), interval, name, tensor=True, name="x")
    form = draw(st.sampled_from(forms))
    sizes = tuple(_size(draw, world, size, i) if form == "symbolic" else size for i, size in enumerate(shape))
    if form == "last":
        sym.last = sizes[draw(st.integers(0, len(sizes))) :]
    elif form != "unknown":
        sym.shape = sizes
    return tensor, sym


def _size(draw: Callable[[Any], Any], world: World, size: int, index: int) -> Any:
    """A size as an unknown, the same one for the same size often enough that equalities matter."""
    if draw(st.integers(0, 2)) == 0:
        return size
    name = "B" if index == 0 else draw(st.sampled_from(["h", "k"]))
    form = 0 if name == "B" else draw(st.integers(0, 2))
    return symbolic(size, name, (name, size, form), world.values, form)


def sizes(draw: Callable[[Any], Any]) -> tuple[int, ...]:
    """A shape of up to five axes."""
    rank = draw(st.sampled_from([0, 1, 2, 2, 3, 3, 4, 4, 4, 5]))
    return tuple(draw(st.integers(1, 6)) for _ in range(rank))
