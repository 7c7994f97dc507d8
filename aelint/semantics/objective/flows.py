"""Normalising flows: what a step does to its input, and the logarithm of the determinant that it reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Return
from aelint.semantics.domain.values import Sym, elements
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import Exp, Form, Leaf, Log
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.summands import summands

__all__ = ["WrongSign", "reversed_determinants", "rewarded_determinants"]


@dataclass(frozen=True, slots=True, eq=False)
class WrongSign:
    """A log-determinant of the wrong sign; `scaled` is where the tensor is scaled, or its density is taken."""

    site: Site
    name: str
    scaled: Site


@per_program
def reversed_determinants(program: Program) -> list[WrongSign]:
    """Functions that return `x * exp(s)` with minus the sum of `s`, or `x * exp(-s)` with plus; each place once."""
    algebra = algebra_of(program)
    found: dict[int, WrongSign] = {}
    for ended in program.returns:
        for one in _disagreements(algebra, ended):
            found.setdefault(id(one.site.node), one)
    return list(found.values())


def _disagreements(algebra: Algebra, ended: Return) -> Iterator[WrongSign]:
    match ended.value:
        case (Sym() as moved, Sym(op="sum" | "neg" | "mul" | "sub" | "add") as determinant):
            pass
        case _:
            return
    terms = summands(determinant)
    if any(len(t.product) != 1 for t in terms) or any(e != 1 for t in terms for _, e in t.product):
        # With noise and constants beside the scale it is the density of a sample.
        return
    powers = _powers(algebra, moved)
    if any(not _counts_volume(generator, powers) for t in terms for generator, _ in t.product):
        # `log p(x) - log|det|` is the density of what the step was given, in which the determinant is subtracted.
        return
    for summand in terms:
        match list(summand.product):
            case [(Leaf(key=Sym() as scale), 1)] if scale.id in powers:
                power, place = powers[scale.id]
                if power * summand.factor < 0 and determinant.site is not None:
                    yield WrongSign(determinant.site, f"`{scale.name}`" if scale.name else "the scale", place)
            case _:
                pass


def _counts_volume(generator: object, powers: dict[int, tuple[float, Site]]) -> bool:
    """Whether a part of a sum is a scale of the step, or is handed on as a determinant by name."""
    match generator:
        case Leaf(key=Sym() as held):
            return held.id in powers or any(word in (held.name or "").lower() for word in ("det", "jac", "ldj"))
        case _:
            return True


def _powers(algebra: Algebra, moved: Sym) -> dict[int, tuple[float, Site]]:
    """The power of `exp(s)` that multiplies a tensor, by the id of `s`, where it is one alone."""
    found: dict[int, tuple[float, Site]] = {}
    for part in _joined(moved):
        met: dict[int, set[float]] = {}
        for scale, power in _scales(algebra.form(part) or {}):
            met.setdefault(scale.id, set()).add(power)
        for key, powers in met.items():
            if len(powers) == 1 and part.site is not None:
                found[key] = (powers.pop(), part.site)
    return found


def _scales(form: Form) -> Iterator[tuple[Sym, float]]:
    """Each `s` and `p` of a factor `exp(p * s)` of anything."""
    factors = ((generator, power) for term in form if len(term) > 1 for generator, power in term)
    for generator, power in factors:
        for inner, exponent in generator.of if isinstance(generator, Exp) else ():
            if isinstance(inner, Leaf) and isinstance(inner.key, Sym):
                yield inner.key, power * exponent


def _joined(value: Sym) -> list[Sym]:
    """The tensors that a tensor is joined from, itself where it is not."""
    parts = elements(value.attrs.get("tensors")) if value.op in {"cat", "stack"} else None
    return [part for part in parts or () if isinstance(part, Sym)] or [value]


@per_program
def rewarded_determinants(program: Program) -> list[WrongSign]:
    """Losses that hold `z ** 2` of a flow's output and plus the logarithm of its determinant; each place once."""
    found: dict[int, WrongSign] = {}
    for objective in objectives(program):
        determinants = list(_determinants(objective)) if objective.called else []
        if not determinants or any(factor < 0 for factor, _, _ in determinants):
            continue
        for _, held, site in determinants:
            square = _square_of_output(objective, held)
            if square is not None and square.site is not None:
                found.setdefault(id(site.node), WrongSign(site, "the determinant", square.site))
    return list(found.values())


def _determinants(objective: Objective) -> Iterator[tuple[float, Sym, Site]]:
    """The logarithms of absolute values in a loss: factor, what the value is of, and where it is added."""
    for summand in objective.summands:
        match list(summand.product):
            case [(Log(of=Leaf(key=Sym(op="abs") as held)), 1)]:
                sums = [one for one in summand.path if one.op in {"add", "sub"} and one.site is not None]
                site = sums[-1].site if sums else held.site
                if site is not None:
                    yield summand.factor, held, site
            case _:
                pass


_MOVED = frozenset({"tanh", "matmul", "linear", "sigmoid", "softplus"})


def _square_of_output(objective: Objective, held: Sym) -> Sym | None:
    """A square in the loss of something that was computed with what the determinant is of."""
    own = {one.id for one in ancestors(held) if one.op in _MOVED}
    for summand in objective.summands:
        last = summand.path[-1] if summand.path else None
        if summand.factor > 0 and last is not None and last.op in {"pow", "square"} and len(summand.product) == 1:
            base = source(last)
            if isinstance(base, Sym) and any(one.id in own for one in ancestors(base)):
                return last
    return None
