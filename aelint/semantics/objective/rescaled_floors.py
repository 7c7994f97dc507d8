"""Floors of a divergence (free bits) that are applied after it was divided, and so stand for many times as much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import product
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["RescaledFloor", "rescaled_floors"]

_DIVERGENCE = re.compile(r"(^|_)(kl|kld|kls|kl_?loss|kl_?div)($|_|\d)|diverg", re.IGNORECASE)
_PARTS = frozenset({"stack", "cat"})
_JOINED = RESHAPES | {"mean"}


@dataclass(frozen=True, slots=True, eq=False)
class RescaledFloor:
    """Where a divergence is divided, and where it is then held above a floor, which is `nats` for a part of it with `units` latents."""

    divided: Site
    floored: Site
    divisor: float
    nats: float
    units: int


def rescaled_floors(program: Program) -> Iterator[RescaledFloor]:
    """Floors of more than one nat for each latent: nothing draws a posterior to the prior before it has carried that much."""
    for node in nodes_of(program, "clamp"):
        floor = to_number(node.attrs.get("min")) if node.attrs.get("max") is None else None
        divided = _divided(source(node)) if floor is not None and floor > 0 else None
        if divided is None or divided.site is None or node.site is None or floor is None:
            continue
        divisor = to_number(divided.attrs.get("other")) or 1.0
        units = _units(source(divided))
        if divisor > 1 and units and floor * divisor > min(units):
            yield RescaledFloor(divided.site, node.site, divisor, floor * divisor, min(units))


def _divided(value: Value) -> Sym | None:
    """The quotient of a divergence and a number that the values were averaged over samples from."""
    while isinstance(value, Sym) and value.op in _JOINED:
        value = source(value)
    if not isinstance(value, Sym) or value.op != "truediv":
        return None
    return value if _is_named_divergence(value) or _is_named_divergence(source(value)) else None


def _is_named_divergence(value: Value) -> bool:
    return isinstance(value, Sym) and any(_DIVERGENCE.search(n) for n in {*value.names, value.name or ""})


def _units(value: Value) -> list[int]:
    """How many latents each part of a divergence was summed over; empty where that is not known of every part."""
    match value:
        case Sym(op=op, inputs=parts) if op in _PARTS:
            known = [_units(part) for part in parts]
            return [n for one in known for n in one] if all(known) else []
        case Sym(op="sum", attrs={"input": Sym(shape=(_, *rest))}) if rest:
            size = product(rest)
            return [size] if isinstance(size, int) else []
        case Sym(op=op) if op in RESHAPES:
            return _units(source(value))
        case _:
            return []
