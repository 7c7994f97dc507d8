"""How much a KL divergence weighs against the reconstruction beside it, reductions included.

The yardstick is the evidence lower bound: both terms summed over the numbers of one sample and averaged over
samples, where the weight is beta. A mean over D pixels divides the reconstruction by D, so it multiplies beta.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Instance
from aelint.semantics.formulas.formulas import Leaf
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.summands import Reduction
from aelint.semantics.objective.terms import Term, divergences, reconstructions

__all__ = ["Balance", "Scale", "balances"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A term's factor against "sum over features, mean over samples".

    Attributes:
        factor: the term's factor, divided by what is averaged as far as it is known.
        batch: 1 for a sum over an unknown number of samples, -1 for one division too many.
        averaged: how many numbers of a sample are averaged; 1 for none, None if it is not known how many.
        known: whether all reductions are in sight.
        weight: the term's factor per sample, before anything of a sample is averaged.
        sized: whether every sum over samples is over a known number of them; None if there is none.
    """

    factor: float
    batch: int
    averaged: int | None
    known: bool
    weight: float = 1.0
    sized: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """A KL term and the reconstruction term of one loss."""

    kl: Term
    reconstruction: Term
    kl_scale: Scale
    reconstruction_scale: Scale

    @property
    def written(self) -> float:
        """The ratio of the two factors as they are written."""
        return abs(self.kl.factor / self.reconstruction.factor)

    @property
    def effective(self) -> float:
        """Beta, as far as sizes are known; unknown numbers of samples and of averaged pixels count as 1."""
        return abs(self.kl_scale.factor / self.reconstruction_scale.factor)

    @property
    def weighed(self) -> float:
        """The ratio of the two factors per sample: a division by a known number of samples undoes a sum over them."""
        return abs(self.kl_scale.weight / self.reconstruction_scale.weight)

    @property
    def undecided(self) -> bool:
        """Whether a number divides a reconstruction that is summed over samples: it may be how many these are."""
        return self.reconstruction_scale.batch > self.kl_scale.batch and abs(self.reconstruction.factor) < 1

    @property
    def known(self) -> bool:
        """Whether the reductions of both are in sight, and their numbers of samples can be compared."""
        mixed = {self.kl_scale.sized, self.reconstruction_scale.sized} == {True, False}
        return self.kl_scale.known and self.reconstruction_scale.known and not mixed


def balances(objective: Objective) -> Iterator[Balance]:
    """Each KL term against the reconstruction, where a loss has exactly one of the latter, or several alike."""
    losses = [t for t in reconstructions(objective) if t.factor]
    if not losses or len({_kind(t) for t in losses}) != 1:
        return
    for kl in (kl for kl in divergences(objective) if not kl.capacity):
        if kl.factor and _free(kl) == _free(losses[0]):
            yield Balance(kl, losses[0], _scale(kl), _scale(losses[0]))


def _kind(term: Term) -> tuple[object, ...]:
    return (abs(term.factor), term.reductions)


def _free(term: Term) -> frozenset[object]:
    """The weights that are unknown, without numbers of samples."""
    return frozenset(w for w in term.weights if not _is_batch(w))


def _is_batch(key: object) -> bool:
    return isinstance(key, tuple) and key[0] == "size" and isinstance(key[1], Poly) and key[1].has_batch


def _is_of_own_family(term: Term) -> bool:
    """Whether it is the divergence of a distribution that the program defines: one number for a vector, or for each entry."""
    given = term.leaf.attrs.get("p") if term.leaf is not None else None
    return any(isinstance(one, Instance) for one in alternatives(given))


def _scale(term: Term) -> Scale:
    factor, batch, averaged = abs(term.factor), _divisions(term), 1
    known = not (term.by_name or _is_of_own_family(term))
    unknown_mean = False
    weight, sized = factor, None
    added_up = False
    for one in term.reductions or ():
        known &= one.kind in {"sum", "mean"} and (one.features is not None or _takes_all(one))
        if one.kind == "mean" and added_up and not isinstance(one.features, int):
            # A vector in the place of a map of 1 by 1 leaves nothing to average but the samples.
            known = False
        added_up |= one.kind == "sum" and one.batch is False
        if one.kind == "sum" and one.batch is not False:
            sized = isinstance(one.samples, int) and sized is not False
            if isinstance(one.samples, int):
                factor, weight = factor * one.samples, weight * one.samples
            else:
                batch += 1
        if one.kind == "mean":
            if isinstance(one.features, int):
                factor, averaged = factor / one.features, averaged * one.features
            else:
                unknown_mean = True
    averaged_over = None if unknown_mean else averaged
    return Scale(factor, batch, averaged_over, known and bool(term.reductions), weight, sized)


def _takes_all(reduction: Reduction) -> bool:
    """Whether it goes over every axis of a tensor of unknown shape."""
    return reduction.batch in {None, True} and reduction.features is None


def _divisions(term: Term) -> int:
    lead = term.lead.product if term.lead is not None else frozenset()
    return int(sum(e for g, e in lead if isinstance(g, Leaf) and _is_batch(g.key)))
