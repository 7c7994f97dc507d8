"""Samples and divergences that read one head in two ways: a proof that one of them is wrong, whatever the names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.intervals import ANY
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.algebra import close
from aelint.semantics.latent.posteriors import Law, Posterior, posteriors, raw_head
from aelint.semantics.latent.readings import Reading, readings
from aelint.semantics.latent.weight_samples import weight_samples

__all__ = ["Contradiction", "agree", "contradictions", "spoken"]

_KNOWN = frozenset({"logvar", "logstd", "std", "var"})
_STD_NAME = re.compile(r"std|sigma|stddev|scale", re.IGNORECASE)
_VARIANCE_NAME = re.compile(r"var", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Contradiction:
    """A sample and a divergence that give one head two meanings.

    `in_sample` says which of them is at fault: the sample, unless the head is a standard deviation by its range
    or its names, another divergence agrees with the sample, or the divergence takes the logarithm of what is one already.
    """

    posterior: Posterior
    reading: Reading
    law: Law
    """How the sample reads the head that both share."""
    through: str
    """The positive map in front of the sample's scale: "exp", "softplus", "" for none."""
    in_sample: bool
    by_name: bool = False
    """The two heads are linked by their name alone: the divergence is in a function that nothing calls."""


def agree(left: Law, right: Law) -> bool:
    """Whether two laws give the same standard deviation, constant factors aside."""
    return left.head is right.head and left.exponential == right.exponential and close(left.power, right.power)


def spoken(kind: str) -> str:
    """A head's meaning in words."""
    words = {"logvar": "a log-variance", "logstd": "a log standard deviation", "std": "a standard deviation"}
    return words.get(kind, "a variance")


@per_program
def contradictions(program: Program) -> tuple[Contradiction, ...]:
    """Every head that is read in two ways, once for each sample."""
    known = [r for r in readings(program) if r.law is not None]
    samples = (*posteriors(program), *weight_samples(program))
    found = (_of_sample(p, known) or _by_name(p, known) for p in samples if p.law is not None)
    return tuple(c for c in found if c is not None)


def _by_name(posterior: Posterior, known: list[Reading]) -> Contradiction | None:
    """The same for a divergence that nothing calls and whose parameter has the head's name, in the same file."""
    law = posterior.law
    assert law is not None
    if not posterior.learned or not law.exponential or law.kind not in _KNOWN or _is_scale(law):
        return None
    if any(_of_head(known, law.head)):
        return None
    names = {law.head.name, *law.head.names} - {""}
    alike = [
        r
        for r in known
        if r.law is not None and r.site.unit is posterior.site.unit and _is_parameter(r.law.head, names)
    ]
    if not alike or any(r.law is not None and (r.law.power == law.power or r.law.kind not in _KNOWN) for r in alike):
        return None
    return Contradiction(posterior, alike[0], law, "exp", in_sample=True, by_name=True)


def _is_parameter(head: Sym, names: set[str]) -> bool:
    return head.op == "param" and head.name in names


def _of_sample(posterior: Posterior, known: list[Reading]) -> Contradiction | None:
    law = posterior.law
    assert law is not None
    raw, through = raw_head(law)
    if law.kind not in _KNOWN and not law.exponential:
        return None  # `exp(0.1 * logvar)` is nobody's standard deviation; what a power of a head is may be meant
    about = [
        r
        for r in _of_head(known, law.head, raw)
        if r.distribution is None or r.distribution is not posterior.distribution
    ]
    agreeing = [r for r in about if r.law is not None and agree(r.law, law)]
    for reading in about:
        other = reading.law
        if other is not None and other.kind in _KNOWN and not agree(other, law):
            if other.head is not law.head and not other.exponential:
                continue
            if law.kind not in _KNOWN and other.kind != "logvar":
                continue
            kept = _is_scale(law) or _is_no_scale(law, other) or _is_variance(law)
            return Contradiction(
                posterior, reading, law, through, not agreeing and not (other.head is law.head and kept)
            )
    return None


def _of_head(known: list[Reading], *heads: Sym) -> Iterator[Reading]:
    return (r for r in known if r.law is not None and any(r.law.head is h for h in heads))


def _is_no_scale(sampled: Law, read: Law) -> bool:
    """Whether a divergence takes the logarithm of a layer's plain output, which has both signs and is called a logarithm."""
    head = read.head
    plain = head.layer is not None and head.range == ANY and "log" in head.name.lower()
    return plain and sampled.exponential and not read.exponential


def _is_scale(law: Law) -> bool:
    """Whether the head is a standard deviation, or its logarithm, on stronger grounds than one sample."""
    if not law.exponential and law.head.range.low >= 0:
        return True
    names = _names(law.head)
    spoken_of = any(_STD_NAME.search(n) for n in names) and not any(_VARIANCE_NAME.search(n) for n in names)
    return spoken_of and law.kind in {"logstd", "std"}


def _is_variance(law: Law) -> bool:
    """Whether the sample takes the head for the log-variance that its name says it is."""
    names = _names(law.head)
    spoken_of = any(_VARIANCE_NAME.search(n) for n in names) and not any(_STD_NAME.search(n) for n in names)
    return spoken_of and law.kind == "logvar"


def _names(head: Sym) -> list[str]:
    """The name where it is computed counts most: callers often unpack a model's outputs under names of their own."""
    return [head.name] if head.name else [n for n in head.names if n]
