"""Maximum mean discrepancies that are taken away from a loss: it is smallest where the codes are far from the prior."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.signed_terms import signed_terms
from aelint.semantics.objective.terms import reconstructions

__all__ = ["Subtracted", "subtracted_discrepancies"]

_NAME = re.compile(r"(^|_)mmd2?(_(loss|term|reg|penalty|z))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Subtracted:
    """The operation that takes the discrepancy away, its name, and the reconstruction loss that is added."""

    site: Site
    name: str
    reconstruction: Site


def subtracted_discrepancies(program: Program) -> Iterator[Subtracted]:
    """Discrepancies, by their names, with the opposite sign of a reconstruction loss; not in a game, where a critic wants one large."""
    found = []
    for objective in objectives(program):
        terms = [t for t in reconstructions(objective) if not t.by_name]
        signed = list(signed_terms(objective.value, _discrepancy))
        if objective.called and any(turned is None for _, turned in signed):
            return
        if terms and all(t.factor > 0 for t in terms):
            found += [(turned, name, terms[0].leaf) for name, turned in signed]
    told: set[ast.AST] = set()
    for turned, name, leaf in found:
        if turned is None or turned.site is None or leaf is None or leaf.site is None or turned.site.node in told:
            continue
        told.add(turned.site.node)
        yield Subtracted(turned.site, name, leaf.site)


def _discrepancy(value: Sym) -> str:
    """The name of a discrepancy that a value bears."""
    return next((n for n in sorted(value.names | {value.name}) if _NAME.search(n)), "")
