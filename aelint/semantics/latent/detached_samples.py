"""Samples of a posterior that lose their gradient between the sum and the first layer that takes them: `decode(z.detach())`."""

from __future__ import annotations

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.posteriors import Posterior, draw_of, feeds_layer, posteriors

__all__ = ["cut_behind", "is_in_network"]

_HANDED_ON = RESHAPES | {"to", "contiguous", "clone", "cuda", "cpu", "cat", "phi"}


def cut_behind(program: Program, one: Posterior) -> Sym | None:
    """The cut that every way from a sample to a layer leads through; None where one is free of it, or may be meant to be cut.

    A program that samples another posterior with its gradient trains its networks in turns.
    """
    draw = draw_of(program, one)
    if draw is None or draw.context.no_grad:
        return None
    cut = _cut(program, one.sample)
    if cut is None or _is_optional(program, cut) or _is_kept(program, _handed_on(program, one.sample)):
        return None
    others = (p for p in posteriors(program) if p.learned and p.sample is not one.sample and _is_of_one_encoder(p, one))
    return cut if all(_cut(program, p.sample) is not None for p in others) else None


def _is_of_one_encoder(one: Posterior, other: Posterior) -> bool:
    layers = [
        {id(a.layer) for a in ancestors(p.mean) if a.layer is not None} for p in (one, other) if p.mean is not None
    ]
    return len(layers) < 2 or bool(layers[0] & layers[1])


def _cut(program: Program, sample: Sym) -> Sym | None:
    same = _handed_on(program, sample)
    users = [user for node in same for user in consumers(program).get(node.id, ()) if user.op not in _HANDED_ON]
    if any(user.op != "detach" for user in users):
        return None
    return next((user for user in users if not _is_looked_at(program, user) and feeds_layer(program, user)), None)


def _is_looked_at(program: Program, cut: Sym) -> bool:
    """Whether the copy becomes an array: for a plot, not for a decoder."""
    return any(user.op == "numpy" for node in _handed_on(program, cut) for user in consumers(program).get(node.id, ()))


def _handed_on(program: Program, sample: Sym) -> list[Sym]:
    """The sample and what it is after reshaping, joining and the choice between it and the mean."""
    users = consumers(program)
    found = [sample]
    for node in found:  # grows while it is read
        for user in users.get(node.id, ()):
            if user.op in _HANDED_ON and all(user is not known for known in found):
                found.append(user)
    return found


def _is_optional(program: Program, cut: Sym) -> bool:
    return any(c.context.guards or c.context.no_grad for c in program.calls if c.result is cut)


def is_in_network(program: Program, cut: Sym) -> bool:
    """Whether a network itself cuts the sample, so that every training of it does without."""
    site = cut.site
    return site is not None and any(site.lies_in(Site(n.cls.module.unit, n.cls.node)) for n in program.networks)


def _is_kept(program: Program, same: list[Sym]) -> bool:
    """Whether the whole model hands the sample to a caller that is not in sight, and may be a loss."""
    outermost = (r.value for r in program.returns if len(r.context.stack) == 1)
    handed = (one for value in outermost for one in (value if isinstance(value, tuple) else (value,)))
    return any(one is known for one in handed for known in same)
