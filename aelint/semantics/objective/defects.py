"""How a closed form of the KL divergence to the standard normal differs from the formula, if one part of it does.

Per latent dimension the four parts of (m^2 + s^2 - log s^2 - 1) / 2 go with each other: where three of them agree on
the coefficient and the reductions, and the fourth does not, the fourth was mistyped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.formulas import Exp, Leaf
from aelint.semantics.objective.closed_forms import Coefficient, GaussianTerm, close
from aelint.semantics.objective.summands import Reduction

__all__ = ["Defect", "defect_of", "written_out"]


@dataclass(frozen=True, slots=True)
class Defect:
    """How a term differs from the formula."""

    what: str


_SLIPS = (-1.0, 2.0, 0.5, -2.0, -0.5, 4.0, 0.25)
"""By what factor a part is off when it was mistyped. Any other factor has a reason that is not in sight."""


def defect_of(term: GaussianTerm) -> Defect | None:
    """What is wrong with the one part on which the other three do not agree; None where nothing is certain."""
    if term.mean_leaf is None and term.factor is not None and term.constant.summands:
        return _not_squared(term)
    if _cancels(term):
        return Defect("the log-variance is added and taken away again; where it is taken away, the variance belongs")
    # A mean that stands there linearly too belongs to a square around another centre: a prior with a mean.
    shifted = term.mean_leaf is not None and term.linear
    if term.factor is not None or shifted or any(len(c.summands) > 1 for c in (term.mean, term.variance, term.log)):
        return None
    parts = {
        "mean": term.mean,
        "variance": term.variance,
        "log": Coefficient(-term.log.value, term.log.summands),
        "constant": Coefficient(-term.constant.value, term.constant.summands),
    }
    agreed = _agreement(parts)
    if agreed is None:
        return _halved(parts)
    unit, reductions, odd = agreed
    coefficient = parts[odd]
    if not coefficient.summands:
        return None if odd == "variance" and term.other_squares else _missing(term, odd)
    if len(coefficient.summands) > 1:
        # Constants of several sums, as of a second KL whose prior has a scale of its own.
        return None
    if coefficient.reductions == reductions:
        ratio = coefficient.value / unit
        return _factor(odd, ratio) if any(close(ratio, slip) for slip in _SLIPS) else None
    return (
        _constant_outside(coefficient, unit, reductions)
        if odd == "constant"
        else _outside(odd, coefficient, reductions)
    )


def _agreement(parts: dict[str, Coefficient]) -> tuple[float, tuple[Reduction, ...], str] | None:
    """The coefficient and reductions on which three parts agree, and the fourth part."""
    for odd in parts:
        others = [c for name, c in parts.items() if name != odd]
        unit, reductions = others[0].value, others[0].reductions
        if reductions is None or not all(o.summands and o.reductions == reductions for o in others):
            continue
        if all(close(o.value, unit) for o in others):
            return unit, reductions, odd
    return None


def _halved(parts: dict[str, Coefficient]) -> Defect | None:
    """The squares agree with each other, and so do logarithm and constant, but a half or a sign stands before two of them only."""
    reductions = {c.reductions for c in parts.values()}
    squares, rest = (parts["mean"], parts["variance"]), (parts["log"], parts["constant"])
    if len(reductions) != 1 or None in reductions or any(len(c.summands) != 1 for c in parts.values()):
        return None
    if not all(close(a.value, b.value) for a, b in (squares, rest)):
        return None
    ratio = squares[0].value / rest[0].value
    if close(ratio, -1.0):
        return Defect("the logarithm and the constant enter with the sign of mean^2 and the variance")
    if not any(close(ratio, slip) for slip in (2.0, 0.5)):
        return None
    return Defect(
        f"mean^2 and the variance have {ratio:g} times the coefficient that goes with the logarithm and the constant"
    )


def _not_squared(term: GaussianTerm) -> Defect | None:
    if len(term.linear) != 1 or term.linear[0].reductions != term.reductions:
        return None
    match [generator for generator, _ in term.linear[0].product]:
        case [Leaf(key=Sym(op="abs"))]:
            entered = "its absolute value"
        case generators if any(isinstance(one, Exp) for one in generators):
            entered = "its exponential"
        case _:
            entered = "it is"
    return Defect(f"the mean enters as {entered}, not squared")


def _cancels(term: GaussianTerm) -> bool:
    """Whether the logarithm stands where the variance belongs: `1 + h - m^2 - h`."""
    if term.variance.summands or not term.mean.summands or not term.constant.summands:
        return False
    if not close(term.constant.value, -term.mean.value) or term.mean.reductions != term.log.reductions:
        return False
    factors = sorted(s.factor for s in term.log.summands)
    size = abs(term.mean.value)
    return len(factors) == 2 and close(factors[0], -size) and close(factors[1], size)


_NAMES = {"mean": "mean^2", "variance": "the variance", "log": "the log-variance", "constant": "the constant 1"}


def _missing(term: GaussianTerm, odd: str) -> Defect | None:
    match odd:
        case "variance" if term.stray:
            return Defect("the head is squared where its exponential, the variance, belongs")
        case "variance" | "log":
            return Defect(f"the term with {_NAMES[odd]} is missing")
        case _:
            # Constants are dropped on purpose, and the mean where it is normalised.
            return None


def _factor(odd: str, ratio: float) -> Defect:
    if ratio == -1:
        return Defect(f"{_NAMES[odd]} enters with the opposite sign")
    return Defect(f"{_NAMES[odd]} has {ratio:g} times the coefficient that goes with the other terms")


def _outside(odd: str, coefficient: Coefficient, reductions: tuple[Reduction, ...]) -> Defect | None:
    found = coefficient.reductions
    kinds = [r.kind for r in reductions]
    if found is None or [r.kind for r in found] == kinds or len(found) > len(reductions):
        return None
    return Defect(f"{_NAMES[odd]} stands outside of the {kinds[0]} that the other terms are in")


def _constant_outside(constant: Coefficient, unit: float, reductions: tuple[Reduction, ...]) -> Defect | None:
    found = constant.reductions
    if found is None or len(found) >= len(reductions):
        return None
    # Reductions are applied from the inside out: what the constant lacks are the innermost.
    lacking = reductions[: len(reductions) - len(found)]
    if tuple(reductions[len(lacking) :]) != tuple(found) or {r.kind for r in lacking} != {"sum"}:
        return None
    sizes = [r.features for r in lacking]
    if any(size == 1 for size in sizes):
        return None
    if not close(constant.value, unit):
        return _miscounted(constant.value / unit, sizes)
    count = f"{sizes[0]} times" if len(sizes) == 1 and isinstance(sizes[0], int) else "once per dimension"
    return Defect(f"the constant stands outside of the sum, so it is subtracted once and not {count}")


def _miscounted(times: float, sizes: Sequence[Dim | None]) -> Defect | None:
    """A constant that is taken a whole number of times, and not once for each dimension."""
    if len(sizes) != 1 or not isinstance(sizes[0], int) or times < 1 or not close(times, round(times)):
        return None
    if close(times, sizes[0]):
        return None
    return Defect(
        f"the constant stands outside of the sum and is subtracted {round(times)} times, but the sum is over "
        f"{sizes[0]} dimensions"
    )


def written_out(term: GaussianTerm) -> str:
    """The term as a formula in the head's own names."""
    mean, head = _name(term.mean_leaf, "mean"), _name(term.scale_leaf, "head")
    k = "" if term.exponent == 1 else f"{term.exponent:g}*"
    p = "" if term.exponent == 1 else f"^{term.exponent:g}"
    scale, logarithm = (f"exp({k}{head})", head) if term.scale_kind == "log" else (f"{head}{p}", f"log {head}")
    pieces = [
        (term.mean.value, f"{mean}^2"),
        (term.variance.value, scale),
        (term.log.value * term.exponent, logarithm),
        *((s.factor, f"{head}^2") for s in term.stray),
        (term.constant.value, ""),
    ]
    text = " ".join(f"{'-' if c < 0 else '+'} {abs(c):g}{' * ' + what if what else ''}" for c, what in pieces if c)
    return f"`{text.removeprefix('+ ')}`"


def _name(leaf: object, fallback: str) -> str:
    return leaf.name if isinstance(leaf, Sym) and leaf.name else fallback
