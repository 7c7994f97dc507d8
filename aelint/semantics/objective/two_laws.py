"""Closed forms of the KL divergence between two diagonal Gaussians, both of which are learned.

Per dimension, with the variances v and w and the squared distance d of the means,

    KL(N(m, v) || N(n, w)) = (log w - log v + v / w + d / w - 1) / 2

(Kingma and Welling 2014, appendix B, for the general case). A head h may hold log v or log s, so that v is `exp(k*h)` and
its logarithm `k*h`, or s or v themselves, so that v is `h^k` and its logarithm `k*log h`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from aelint.semantics.dataflow.lineage import source, through_reshapes
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.formulas import Exp, Leaf, Log, Monomial
from aelint.semantics.objective.closed_forms import close, meeting_point
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.summands import Summand

__all__ = ["TwoLaws", "two_laws"]

_SQUARES = frozenset({"pow", "square"})
_Head = tuple[Leaf, bool]
"""The leaf that holds a scale, and whether it does so below an exponential."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoLaws:
    """The four parts of the formula, right or nearly right: the ratio of two scales, a distance, both logarithms, and -1."""

    ratio: Summand
    distance: Summand
    logarithms: dict[_Head, Summand]
    constant: Summand

    @property
    def top(self) -> Sym | None:
        """The operation in which all parts have come together."""
        return meeting_point((self.ratio, self.distance, *self.logarithms.values(), self.constant))

    @property
    def defect(self) -> str:
        """What is wrong with the one part on which the other three do not agree; "" where that is not certain."""
        powers = [k for part in (self.ratio, self.distance) for _, k in _powers(part.product)]
        readings = [
            self._odd(unit, degree, first, second)
            for first, second in permutations(self.logarithms)
            for unit in {self.ratio.factor, self.distance.factor}
            for degree in {abs(k) for k in powers}
        ]
        nearest = min(readings, key=len)
        return nearest[0] if len(nearest) == 1 else ""

    def _odd(self, unit: float, degree: float, first: _Head, second: _Head) -> list[str]:
        """The parts that do not fit `unit` times the formula with variances of this degree."""
        divided = dict(_powers(self.ratio.product)) == {first: degree, second: -degree}
        weighed = dict(_powers(self.distance.product)) == {second: -degree}
        added = close(self.logarithms[second].factor, unit * degree)
        taken = close(self.logarithms[first].factor, -unit * degree)
        fits = {
            f"the variance of the first law is to be divided by that of the second, once, and taken {unit:g} times": (
                divided and close(self.ratio.factor, unit)
            ),
            f"the squared distance of the means is to be divided by the variance of the second law, and taken {unit:g} times": (
                weighed and close(self.distance.factor, unit)
            ),
            f"the logarithm of the second variance is to be added {unit:g} times, that of the first subtracted": (
                added and taken
            ),
            f"the constant {unit:g} is to be subtracted": close(self.constant.factor, -unit),
        }
        return [what for what, is_right in fits.items() if not is_right]


def two_laws(objective: Objective) -> Iterator[TwoLaws]:
    """The divergences between two Gaussians in a loss; all their parts are there and reduced alike."""
    for ratio in objective.summands:
        heads = {head for head, _ in _powers(ratio.product)}
        alike = [one for one in objective.summands if one.reductions == ratio.reductions]
        logarithms = {h: one for one in alike if (h := _logarithm(one.product)) in heads and h is not None}
        distances = [one for one in alike if _is_distance(one.product, heads)]
        constants = [one for one in alike if not one.product]
        if len(heads) == 2 == len(logarithms) and len(distances) == 1 == len(constants):
            yield TwoLaws(ratio, distances[0], logarithms, constants[0])


def _is_distance(product: Monomial, heads: set[_Head]) -> bool:
    """Whether a product is one squared difference, weighed by nothing but the scales."""
    squares = [entry for entry in product if entry[1] == 1.0 and _is_squared_difference(entry[0])]
    rest = _powers(product)
    return len(squares) == 1 and len(rest) == len(product) - 1 and all(head in heads for head, _ in rest)


def _is_squared_difference(generator: object) -> bool:
    if not isinstance(generator, Leaf) or not isinstance(generator.key, Sym) or generator.key.op not in _SQUARES:
        return False
    base = through_reshapes(source(generator.key))
    return isinstance(base, Sym) and base.op == "sub" and generator.key.attrs.get("exponent", 2) == 2


def _powers(product: Monomial) -> list[tuple[_Head, float]]:
    """The scales in a product, with their powers; squared differences left out, and nothing where it holds anything else."""
    found: list[tuple[_Head, float]] = []
    for generator, exponent in product:
        match generator:
            case Exp(of=inner) if len(inner) == 1:
                ((leaf, degree),) = inner
                if not isinstance(leaf, Leaf) or degree != 1:
                    return []
                found.append(((leaf, True), exponent))
            case Leaf() if not _is_squared_difference(generator):
                found.append(((generator, False), exponent))
            case Log():
                return []
    return found


def _logarithm(product: Monomial) -> _Head | None:
    """The head whose logarithm, times a number, the product is."""
    match list(product):
        case [(Log(of=Leaf() as leaf), 1.0)]:
            return leaf, False
        case [(Leaf() as leaf, 1.0)]:
            return leaf, True
        case _:
            return None
