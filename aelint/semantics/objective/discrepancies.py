"""Maximum mean discrepancies that are taken away from a loss: it is smallest where the codes are far from the prior."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.terms import reconstructions
from aelint.semantics.operators.api import to_number

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
        signed = list(_signed(objective.value))
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


def _signed(value: Value) -> Iterator[tuple[str, Sym | None]]:
    """The discrepancies in a sum, each with the operation that turned its sign round; None where it is added."""
    pending: list[tuple[Value, Sym | None]] = [(value, None)]
    seen: set[int] = set()
    for one, turned in pending:  # grows while it is read
        if not isinstance(one, Sym) or one.id in seen:
            continue
        seen.add(one.id)
        name = next((n for n in sorted(one.names | {one.name}) if _NAME.search(n)), "")
        if name:
            yield name, turned
            continue
        match one.op, one.inputs:
            case "add", (left, right):
                pending += [(left, turned), (right, turned)]
            case "sub", (left, right):
                pending += [(left, turned), (right, one if turned is None else None)]
            case "neg", (inner,):
                pending.append((inner, one if turned is None else None))
            case "mul" | "truediv", (left, right):
                number = next((n for n in map(to_number, (left, right)) if n is not None), 1.0)
                flipped = (one if turned is None else None) if number < 0 else turned
                pending += [(left, flipped), (right, flipped)]
