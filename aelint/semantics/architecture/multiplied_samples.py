"""Reshapes that make several rows of each sample: `h.view(-1, 512)` of feature maps with 2048 elements."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Instance, Shape, Sym, Value
from aelint.semantics.operators.axes import differ

__all__ = ["MultipliedSamples", "multiplied_samples"]

_RESHAPING = frozenset({"view", "flatten", "unflatten"})


@dataclass(frozen=True, slots=True, eq=False)
class MultipliedSamples:
    """The shapes before and behind the reshape."""

    site: Site
    before: Shape
    behind: Shape


def multiplied_samples(program: Program, prediction: Sym, target: Sym) -> MultipliedSamples | None:
    """The first reshape on the way to a reconstruction behind which there are more rows than the target has samples."""
    found: MultipliedSamples | None = None
    value: Value = prediction
    while isinstance(value, Sym):
        before = source(value)
        if value.op in _RESHAPING and isinstance(before, Sym) and before.shape and value.shape and target.shape:
            parts = before.shape[0] == target.shape[0] and differ(value.shape[0], before.shape[0])
            site = _given_at(program, value) if parts else None
            # The first one is the last that is found on the way back.
            found = MultipliedSamples(site, before.shape, value.shape) if site is not None else found
        value = before
    return found


def _given_at(program: Program, reshaped: Sym) -> Site | None:
    """Where the sizes are written: a module that does nothing but reshape got them where it was built."""
    modules = (c.receiver for c in program.calls_to("network") if c.result is reshaped)
    built = next((m.site for m in modules if isinstance(m, Instance)), None)
    return built or reshaped.site
