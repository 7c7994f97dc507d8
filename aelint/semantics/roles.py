"""What part a tensor plays in an autoencoder, and how that is known.

Roles follow from the dataflow: a mean is what noise is added to, a log-variance is what the scale of that
noise is computed from, a reconstruction is what a loss compares with data. Names alone give no role.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aelint.rule import Site
from aelint.semantics.comparisons import comparisons, is_data, is_output
from aelint.semantics.joins import alternatives
from aelint.semantics.memo import per_program
from aelint.semantics.objectives import LOSSES, objectives
from aelint.semantics.posteriors import posteriors
from aelint.semantics.program import Program
from aelint.semantics.terms import reconstructions
from aelint.semantics.values import Sym, Value

__all__ = ["Part", "Role", "role_of", "roles"]


class Role(StrEnum):
    """The part that a tensor plays."""

    MEAN = "mean"
    LOG_VARIANCE = "log-variance"
    LOG_STD = "log-std"
    STD = "std"
    NOISE = "noise"
    LATENT = "latent"
    RECONSTRUCTION = "reconstruction"
    TARGET = "target"
    LIKELIHOOD = "reconstruction term"
    LOSS = "loss"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A role, and where the evidence for it is written."""

    role: Role
    evidence: str
    site: Site | None


_HEADS = {"logvar": Role.LOG_VARIANCE, "logstd": Role.LOG_STD, "std": Role.STD}


def role_of(program: Program, value: Value) -> Part | None:
    """The role of a value, None if nothing shows one."""
    found = roles(program)
    return next((found[v.id] for v in alternatives(value) if isinstance(v, Sym) and v.id in found), None)


@per_program
def roles(program: Program) -> dict[int, Part]:
    """The roles of all tensors that have one, by the identity of the tensor; the first evidence counts."""
    found: dict[int, Part] = {}

    def give(value: Sym | None, role: Role, evidence: str, site: Site | None) -> None:
        if value is not None:
            found.setdefault(value.id, Part(role, evidence, site))

    for posterior in posteriors(program):
        give(posterior.sample, Role.LATENT, "mean plus scaled noise", posterior.site)
        give(posterior.mean, Role.MEAN, "noise is added to it", posterior.site)
        give(posterior.noise, Role.NOISE, "it is scaled and added to the mean", posterior.site)
        if posterior.head is not None and posterior.scale_kind in _HEADS:
            give(
                posterior.head, _HEADS[posterior.scale_kind], "the noise is scaled by a function of it", posterior.site
            )
    for comparison in comparisons(program):
        output, data = comparison.first, comparison.second
        if is_output(data) and is_data(output):
            output, data = data, output
        if is_output(output) and is_data(data):
            give(output, Role.RECONSTRUCTION, "a loss compares it with data", comparison.site)
            give(data, Role.TARGET, "a loss compares the output with it", comparison.site)
    for objective in objectives(program):
        for likelihood in reconstructions(objective):
            if likelihood.leaf is not None and likelihood.leaf.op in LOSSES:
                give(likelihood.leaf, Role.LIKELIHOOD, "a distance in the loss", objective.value.site)
        if objective.called:
            give(objective.value, Role.LOSS, "backward is called on it", objective.value.site)
    return found
