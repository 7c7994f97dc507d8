"""Places that mask tokens hide, and places at which the prediction is compared: stretches of one random order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.semantics.objective.comparisons import comparisons
from aelint.semantics.variants.masking import order_of

__all__ = ["ShownPlaces", "shown_places"]

_SPREAD = RESHAPES | {"repeat", "expand", "bool"}


@dataclass(frozen=True, slots=True, eq=False)
class ShownPlaces:
    """Where the places to hide are handed over, and the loss that looks at the other ones."""

    hidden: Site
    compared: Site


def shown_places(program: Program) -> Iterator[ShownPlaces]:
    """Losses at one end of a random order, of predictions from tokens that are hidden at the other end."""
    hidden = [(node, place) for node in nodes_of(program, "mul", "where") if (place := _hidden_at(node)) is not None]
    for comparison in comparisons(program) if hidden else ():
        compared = [(g, p) for side in (comparison.first, comparison.second) for g, p in _gathered(side)]
        for gathered, place in compared:
            behind = {one.id for one in ancestors(gathered)}
            kept = next((h for node, h in hidden if node.id in behind and _are_two_ends(h, place)), None)
            if kept is not None and all(p is place for _, p in compared) and len(compared) > 1:
                site = _handed_over(program, kept)
                if site is not None:
                    yield ShownPlaces(site, comparison.site)


def _hidden_at(node: Sym) -> Sym | None:
    """The places at which `mask * token` puts the token: a mask of zeros with ones scattered over them."""
    parts = [through(i, _SPREAD) for i in node.inputs]
    token = any(isinstance(p, Sym) and p.op == "parameter" for p in parts)
    masks = [p for p in parts if isinstance(p, Sym) and p.op == "scatter" and p.attrs.get("src") == 1]
    zeros = bool(masks) and isinstance(made := source(masks[0]), Sym) and made.op == "zeros"
    return _places(masks[0].attrs.get("index")) if token and zeros else None


def _gathered(value: Value) -> Iterator[tuple[Sym, Sym]]:
    """What a tensor was gathered as on the way to a comparison, and at which places."""
    for one in ancestors(value):
        if one.op == "gather" and (place := _places(one.attrs.get("index"))) is not None:
            yield one, place
            return


def _places(index: Value) -> Sym | None:
    """A stretch of a random order, before it was spread over the features."""
    place = through(index, _SPREAD)
    cut = isinstance(place, Sym) and place.op == "getitem" and order_of(place) is not None
    return place if cut and isinstance(place, Sym) else None


def _are_two_ends(first: Sym, second: Sym) -> bool:
    """Whether one stretch ends where the other begins."""
    a, b = _stretch(first), _stretch(second)
    if a is None or b is None or source(first) is not source(second):
        return False
    return (a.start in {None, 0} and a.stop == b.start is not None) or (
        b.start in {None, 0} and b.stop == a.start is not None
    )


def _stretch(place: Sym) -> slice | None:
    index = place.attrs.get("index")
    last = index[-1] if isinstance(index, tuple) and index else index
    return last if isinstance(last, slice) else None


def _handed_over(program: Program, place: Sym) -> Site | None:
    """The first call of the program's own that is given the places."""
    calls = (
        c
        for c in program.calls
        if isinstance(c.callee, Function) and any(a is place for a in (*c.args, *c.kwargs.values()))
    )
    return next((c.site for c in calls), place.site)
