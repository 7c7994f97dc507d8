"""Residual quantisers: what a stage leaves over for the next one, and whether gradients come back through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.linear_forms import difference
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.comparisons import comparisons
from aelint.semantics.variants.quantizers import Lookup, is_straight_through, lookups

__all__ = ["CutResidual", "cut_residuals"]


@dataclass(frozen=True, slots=True, eq=False)
class CutResidual:
    """A residual at `site` that hands no gradient back, and the `commitment` of the next stage that needs it to."""

    site: Site
    commitment: Site


def cut_residuals(program: Program) -> Iterator[CutResidual]:
    """Latents less their own straight-through output, whose gradients cancel, where a term shall move what is left over."""
    taken = lookups(program)
    for node in nodes_of(program, "sub") if len(taken) > 1 else ():
        if node.site is not None and any(_cancels(node, one) for one in taken):
            commitment = _commitment(program, node)
            if commitment is not None:
                yield CutResidual(node.site, commitment)


def _cancels(node: Sym, lookup: Lookup) -> bool:
    """Whether the latent stays in the value of the difference and leaves its gradient, in a branch that trains."""
    whole, part = node.attrs.get("input"), node.attrs.get("other")
    for one in alternatives(part):
        if isinstance(one, Sym) and is_straight_through(one, lookup):
            form = difference(whole, one) or {}
            return any(z.id in form and form[z.id].value and not form[z.id].gradient for z in lookup.latents)
    return False


def _commitment(program: Program, residual: Sym) -> Site | None:
    """The term that draws what is left over to vectors which are held fixed."""
    for one in comparisons(program):
        sides = [through_reshapes(one.first), through_reshapes(one.second)]
        fixed = any(isinstance(side, Sym) and side.op == "detach" for side in sides)
        if fixed and any(side is residual for side in sides):
            return one.site
    return None
