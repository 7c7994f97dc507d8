"""What part a tensor plays in an autoencoder, and how that is known.

Roles follow from the dataflow: a mean is what noise is added to, a log-variance is what the scale of that
noise is computed from, a reconstruction is what a loss compares with data. Names alone give no role.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, source, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.latent.posteriors import posteriors
from aelint.semantics.objective.comparisons import comparisons, is_data, is_output
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.terms import Term, divergences, reconstructions
from aelint.semantics.variants.quantizers import lookups

__all__ = ["Part", "Role", "role_of", "roles"]


class Role(StrEnum):
    """The part that a tensor plays."""

    MEAN = "mean"
    LOG_VARIANCE = "log-variance"
    LOG_STD = "log-std"
    STD = "std"
    NOISE = "noise"
    LATENT = "latent"
    FEATURES = "features"
    CODE = "code"
    CONDITION = "condition"
    LOGITS = "logits"
    RECONSTRUCTION = "reconstruction"
    TARGET = "target"
    INPUT = "input"
    LIKELIHOOD = "reconstruction term"
    DIVERGENCE = "KL term"
    LOSS = "loss"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A role, and where the evidence for it is written."""

    role: Role
    evidence: str
    site: Site | None


Claim: TypeAlias = tuple[Sym | None, Part]

_HEADS = {"logvar": Role.LOG_VARIANCE, "logstd": Role.LOG_STD, "std": Role.STD}
_LOGIT_LOSSES = frozenset({"binary_cross_entropy_with_logits", "cross_entropy"})


def role_of(program: Program, value: Value) -> Part | None:
    """The role of a value, None if nothing shows one."""
    found = roles(program)
    return next((found[v.id] for v in alternatives(value) if isinstance(v, Sym) and v.id in found), None)


@per_program
def roles(program: Program) -> dict[int, Part]:
    """The roles of all tensors that have one, by the identity of the tensor; the first evidence counts."""
    found: dict[int, Part] = {}
    for claims in (_of_posteriors, _of_codes, _of_comparisons, _of_terms, _of_arguments):
        for value, part in claims(program):
            if value is not None:
                found.setdefault(value.id, part)
    return found


def _of_posteriors(program: Program) -> Iterator[Claim]:
    for posterior in posteriors(program):
        site = posterior.site
        yield posterior.sample, Part(Role.LATENT, "mean plus scaled noise", site)
        yield posterior.mean, Part(Role.MEAN, "noise is added to it", site)
        yield posterior.noise, Part(Role.NOISE, "it is scaled and added to the mean", site)
        if posterior.head is not None and posterior.scale_kind in _HEADS:
            role = _HEADS[posterior.scale_kind]
            yield posterior.head, Part(role, "the noise is scaled by a function of it", site)
        shared = _read_by(posterior.mean)
        if shared is not None and shared is _read_by(posterior.head):
            yield shared, Part(Role.FEATURES, "both heads of the posterior read it", site)


def _read_by(head: Value) -> Sym | None:
    """The tensor that a head reads, if the head is one layer."""
    layer = through_reshapes(head)
    read = source(layer) if isinstance(layer, Sym) and layer.layer is not None else None
    return read if isinstance(read, Sym) else None


def _of_codes(program: Program) -> Iterator[Claim]:
    for lookup in lookups(program):
        yield lookup.node, Part(Role.CODE, "the nearest vectors of a codebook", lookup.node.site)


def _of_comparisons(program: Program) -> Iterator[Claim]:
    for comparison in comparisons(program):
        output, data = comparison.first, comparison.second
        if is_output(data) and is_data(output):
            output, data = data, output
        if is_output(output) and is_data(data):
            logits = comparison.kind in _LOGIT_LOSSES
            role = Role.LOGITS if logits else Role.RECONSTRUCTION
            yield output, Part(role, "a loss compares it with data", comparison.site)
            yield data, Part(Role.TARGET, "a loss compares the output with it", comparison.site)


def _of_terms(program: Program) -> Iterator[Claim]:
    for objective in objectives(program):
        site = objective.value.site
        if objective.called:
            yield objective.value, Part(Role.LOSS, "backward is called on it", site)
        for likelihood in reconstructions(objective):
            if likelihood.leaf is not None and likelihood.leaf.op in LOSSES:
                yield likelihood.leaf, Part(Role.LIKELIHOOD, "a distance in the loss", site)
                yield from ((one, Part(Role.LIKELIHOOD, "a distance in the loss", site)) for one in _alone(likelihood))
        for divergence in divergences(objective):
            if not divergence.by_name:
                evidence = Part(Role.DIVERGENCE, "it has the terms of a Kullback-Leibler divergence", site)
                yield from ((one, evidence) for one in _alone(divergence))


def _alone(term: Term) -> tuple[Sym, ...]:
    """Every operation that holds this term and nothing else of the loss."""
    return term.inside if term.outside else ()


def _of_arguments(program: Program) -> Iterator[Claim]:
    """What a network is called with: data first, and whatever is joined to the data or the latent on the way."""
    for call in program.calls_to("network"):
        first, *others = (*call.args, *call.kwargs.values(), None)
        if isinstance(first, Sym) and not is_output(first):
            yield first, Part(Role.INPUT, "a network is called with it", call.site)
        given = [one for one in others if isinstance(one, Sym) and not is_output(one)]
        for joined in program.calls_to("cat") if given else ():
            parts = [origin for part in _tensors(joined.args) for origin in ancestors(part)]
            for one in given:
                if any(part is one for part in parts):
                    yield one, Part(Role.CONDITION, "it is joined to what the network computes", joined.site)


def _tensors(args: tuple[Value, ...]) -> list[Sym]:
    first = args[0] if args else ()
    items = first if isinstance(first, tuple) else getattr(first, "items", ())
    return [one for one in items if isinstance(one, Sym)] if not callable(items) else []
