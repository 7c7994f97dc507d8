"""How a program's divergences and densities read a scale: as a log-variance, a log standard deviation, a scale itself.

A Gaussian term holds the logarithm of the variance and the variance: `c * (s^2 - log s^2)` in a KL divergence
(Kingma and Welling 2014, appendix B), `c * (d^2 / s^2 + log s^2)` in a likelihood. With the term `exp(k * h)` the
logarithm must be `k * h`; with `h ** p` it must be `p * log h`. What fits that pattern is a reading, under any name.
A variance that stands alone keeps the sign of its power, `exp(-|h|)`; one that divides something is a density's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.formulas import formulas
from aelint.semantics.formulas.algebra import Algebra, algebra_of, close, dominant
from aelint.semantics.formulas.formulas import Exp, Form, Generator, Leaf, Log, Monomial
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.latent.posteriors import Law, law_of, posteriors
from aelint.semantics.operators.distributions import constructor_arguments

__all__ = ["PlainScale", "Reading", "divided_logarithms", "plain_scales", "readings", "turned_logarithms"]

_SUMS = frozenset({"add", "sub", "addcmul"})
_SUMS_OR_PRODUCTS = _SUMS | {"mul", "truediv"}
_OF_DISTRIBUTIONS = frozenset({"distributions.kl_divergence", "distributions.log_prob", "distributions.entropy"})
"""Operations, not names of calls: `log_prob` is traced under the name of each class that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One use of a head as a Gaussian's scale.

    Attributes:
        law: how the standard deviation follows from the head; None where the head is itself an exponential.
        inner: what stands for the logarithm of the scale (times a constant), or for the scale, as a product.
        node: the tensor in which the term is complete.
        site: where that is.
        how: "formula" or "Normal".
        distribution: the distribution, for "Normal".
        compared: whether that is an argument of `kl_divergence`.
    """

    law: Law | None
    inner: Monomial
    node: Sym | None
    site: Site
    how: str
    distribution: Object | None = None
    compared: bool = False

    @property
    def exponentiated_twice(self) -> bool:
        """Whether what the formula takes for a logarithm is already an exponential."""
        return self.how == "formula" and any(isinstance(g, Exp) for g, _ in self.inner)


@dataclass(frozen=True, slots=True, eq=False)
class PlainScale:
    """A Gaussian density with the scale, or a quotient, where the plain logarithm belongs; `name` says which tensor that is."""

    site: Site
    name: str


@per_program
def plain_scales(program: Program) -> tuple[PlainScale, ...]:
    """Sums `s + d^2 / (2 s^2)`, and with variances `v + d^2 / v`, up to a common factor; each scale once, in the smallest sum."""
    # The density of a sample at itself holds the square of its noise: what the scale divides, it has multiplied.
    noises = {p.noise.id: p.law.head for p in posteriors(program) if p.noise is not None and p.law is not None}

    def scale_in(form: Form, term: Monomial, coefficient: float) -> Sym | None:
        match list(term):
            case [(Leaf(key=Sym() as scale), 1)] if _is_plain(form, scale, coefficient, noises):
                return scale
            case _:
                return None

    return _faulty_terms(program, _SUMS, scale_in, "the scale")


@per_program
def divided_logarithms(program: Program) -> tuple[PlainScale, ...]:
    """Quotients `(logvar + d^2) / exp(logvar)`: the variance divides the logarithm as well; each head once, where that is complete."""

    def head_in(form: Form, term: Monomial, coefficient: float) -> Sym | None:
        head = _divided_logarithm(term)
        return head if head is not None and _has_square_beside(form, term, coefficient) else None

    return _faulty_terms(program, _SUMS_OR_PRODUCTS, head_in, "the log-variance")


@per_program
def turned_logarithms(program: Program) -> tuple[PlainScale, ...]:
    """Sums `d^2 / s^2 - log s^2`: no density, but one whose logarithm has the wrong sign; each head once, where that is complete."""
    return _faulty_terms(program, _SUMS, _turned_logarithm, "the log-variance")


def _faulty_terms(
    program: Program, operations: frozenset[str], head_in: Callable[[Form, Monomial, float], Sym | None], unnamed: str
) -> tuple[PlainScale, ...]:
    """The scales that `head_in` finds in a term of a form, each once, in the first tensor that holds the term."""
    algebra = algebra_of(program)
    found: dict[int, PlainScale] = {}
    for node in graph.nodes_of(program, *operations):
        if node.site is None:
            continue
        form = algebra.form(node) or {}
        for term, coefficient in form.items():
            head = head_in(form, term, coefficient)
            if head is not None:
                found.setdefault(head.id, PlainScale(node.site, f"`{head.name}`" if head.name else unnamed))
    return tuple(found.values())


def _turned_logarithm(form: Form, term: Monomial, coefficient: float) -> Sym | None:
    """The head of the logarithm that has the sign of the square over its scale."""
    match list(term):
        case [(Leaf(key=Sym() as head) as leaf, 1)]:
            scale: Generator = Exp(frozenset({(leaf, 1.0)}))
        case [(Log(of=Leaf(key=Sym() as head) as scale), 1)]:
            pass
        case _:
            return None
    return head if any(close(coefficient, power * weight) for power, weight in _squares_over(form, scale)) else None


def _squares_over(form: Form, scale: Generator) -> Iterator[tuple[float, float]]:
    """The negative powers of the scale that stand beside a square alone, with the weight of each."""
    for term, weight in form.items():
        power = _power(term, scale)
        rest = [(g, e) for g, e in term if g != scale]
        if power is not None and power < 0 and len(rest) == 1:
            ((squared, exponent),) = rest
            if isinstance(squared, Leaf) and _is_square(squared.key, exponent):
                yield power, weight


def _divided_logarithm(term: Monomial) -> Sym | None:
    """The head of `h * exp(-h)`."""
    for pair in permutations(term, 2) if len(term) == 2 else ():
        match pair:
            case ((Leaf(key=Sym() as head) as leaf, 1), (Exp(of=of), exponent)) if exponent < 0 and (leaf, 1.0) in of:
                return head
    return None


def _has_square_beside(form: Form, term: Monomial, coefficient: float) -> bool:
    """Whether another term is a square over the same exponential, with the same weight.

    Where the sample itself is in sight, its distance to the mean is the noise times what divides it, and the noise is left.
    """
    below = {(g, e) for g, e in term if isinstance(g, Exp)}
    return any(
        close(weight, coefficient)
        and (below <= other or not any(isinstance(g, Exp) for g, _ in other))
        and any(_is_squared_distance(g, e, alone=not below <= other) for g, e in other - below)
        for other, weight in form.items()
        if other != term
    )


def _is_squared_distance(factor: object, exponent: float, *, alone: bool) -> bool:
    """Whether a factor is a square; one that stands alone is to be that of noise."""
    match factor:
        case Leaf(key=Sym() as key):
            return _is_square(key, exponent) and (not alone or key.op in _NOISE)
        case _:
            return False


_NOISE = frozenset({"randn", "normal"})


def _is_plain(form: Form, scale: Sym, coefficient: float, noises: dict[int, Sym]) -> bool:
    """Whether the form holds a square over the scale, with the weight that a density gives it, and not its logarithm."""
    leaf = Leaf(scale)
    if scale.op not in _SCALES or any(g == Log(leaf) for term in form for g, _ in term):
        return False
    for term, weight in form.items():
        power = next((-exponent for g, exponent in term if g == leaf), 0.0)
        rest = [(g, e) for g, e in term if g != leaf]
        squared = len(rest) == 1 and isinstance(rest[0][0], Leaf) and _is_square(rest[0][0].key, rest[0][1])
        key = rest[0][0].key if squared and isinstance(rest[0][0], Leaf) else None
        if isinstance(key, Sym) and noises.get(key.id) is scale and power == 0:
            power = 2.0
        if power in {1.0, 2.0} and squared and close(coefficient, power * weight):
            return True
    return False


def _is_square(key: object, exponent: float) -> bool:
    return exponent == 2 or (exponent == 1 and isinstance(key, Sym) and key.op in {"pow", "square"})


_SCALES = frozenset({"softplus", "log1p", "exp", "sqrt", "clamp", "add", "abs", "elu"})
"""Operations that make a positive number."""


@per_program
def readings(program: Program) -> tuple[Reading, ...]:
    """Every reading of the program, each head and law once, formulae first."""
    algebra = algebra_of(program)
    found: dict[object, Reading] = {}
    for node in graph.nodes_of(program, *_SUMS):
        if node.site is not None:
            for inner, law in _in_formula(algebra.form(node) or {}):
                key = (inner, law.power, law.exponential) if law is not None else inner
                found.setdefault(key, Reading(law, inner, node, node.site, "formula"))
    of_formulas = [one for reading in found.values() for one in (reading, *_of_each_network(reading))]
    return (*of_formulas, *_in_distributions(program, algebra))


def _of_each_network(reading: Reading) -> Iterator[Reading]:
    """The same of each head that a formula is given in turn, where an option chooses among several networks."""
    law = reading.law
    if law is not None and law.head.op == "phi":
        for head in alternatives(law.head):
            if isinstance(head, Sym):
                yield replace(reading, law=replace(law, head=head))


def _in_formula(form: Form) -> Iterator[tuple[Monomial, Law | None]]:
    if len(form) < 2:
        return
    holding: dict[Generator, list[tuple[Monomial, float]]] = {}
    squares = False
    for term, weight in form.items():
        for factor, exponent in term:
            holding.setdefault(factor, []).append((term, weight))
            squares |= isinstance(factor, Leaf) and _is_square(factor.key, exponent)
    for term, coefficient in form.items():
        for factor, exponent in term:
            scale = _scale_behind(factor, exponent)
            if scale is None or scale not in holding:
                continue
            rest = formulas.times(term, frozenset({(factor, -exponent)}))
            for variance, weight in holding[scale]:
                power = _power_of_variance(variance, scale, rest)
                if power is not None and close(coefficient, -power * weight):
                    divides = any(_is_divided(_beside(p, scale, rest), squares=squares) for p, _ in holding[scale])
                    yield (
                        frozenset({(factor, exponent)}),
                        _law(factor, exponent, (abs(power) if divides else power) / 2),
                    )


def _is_divided(beside: Monomial, *, squares: bool) -> bool:
    """Whether what stands beside a scale is something that it divides: not another variance, where the sum has squares to divide.

    In the divergence of two Gaussians the variance of the second divides the first one and the square of the means.
    """
    return any(not (squares and isinstance(g, Exp)) for g, _ in beside)


def _scale_behind(generator: Generator, exponent: float) -> Generator | None:
    """What `generator ** exponent` is the logarithm of."""
    match generator:
        case Log(of=leaf) if exponent == 1:
            return leaf
        case Leaf() | Exp() if exponent > 0:
            return Exp(frozenset({(generator, exponent)}))
        case _:
            return None


def _power_of_variance(variance: Monomial, scale: Generator, rest: Monomial) -> float | None:
    """The power of the scale in `variance`, where `rest` is what stands beside that scale's logarithm."""
    power = _power(variance, scale)
    if power is None:
        return None
    extra = dict(_beside(variance, scale, rest))
    # A product with the mean or with noise, once, comes of a square that is written out: that says nothing of the scale.
    mixed = any(isinstance(g, Leaf) and exponent > 0 and exponent % 2 == 1 for g, exponent in extra.items())
    return power if not mixed and not any(g in extra for g, _ in rest) else None


def _power(product: Monomial, scale: Generator) -> float | None:
    return next((exponent for one, exponent in product if one == scale), None)


def _beside(product: Monomial, scale: Generator, rest: Monomial) -> Monomial:
    """What a product with the scale holds besides its power and the factors that the whole sum shares."""
    power = _power(product, scale) or 0.0
    return formulas.times(formulas.times(product, frozenset({(scale, -power)})), _inverse(rest))


def _inverse(product: Monomial) -> Monomial:
    return frozenset((g, -e) for g, e in product)


def _law(generator: Generator, exponent: float, power: float) -> Law | None:
    match generator:
        case Log(of=Leaf(key=Sym() as head)):
            return Law(head, False, power, 1.0)
        case Leaf(key=Sym() as head) if exponent == 1:
            return Law(head, True, power, 1.0)
        case _:
            return None


def _in_distributions(program: Program, algebra: Algebra) -> Iterator[Reading]:
    """The scales of the `Normal`s that are compared or whose density is taken."""
    for call in program.calls:
        operation = call.result.op if isinstance(call.result, Sym) else ""
        for drawn in _normals(call) if operation in _OF_DISTRIBUTIONS else ():
            scale = constructor_arguments(drawn).get("scale")
            law = law_of(algebra, scale)
            single = dominant(algebra.form(scale))
            if law is not None and single is not None and drawn.site is not None:
                node = scale if isinstance(scale, Sym) else None
                compared = operation == "distributions.kl_divergence"
                yield Reading(law, single[0], node, drawn.site, "Normal", drawn, compared)


def _normals(call: Call) -> Iterator[Object]:
    for value in (*call.args, *call.kwargs.values(), call.receiver):
        inner = value
        while isinstance(inner, Object) and inner.name.endswith(".Independent"):
            inner = inner.args[0] if inner.args else inner.kwargs.get("base_distribution")
        if isinstance(inner, Object) and inner.name in {
            "torch.distributions.Normal",
            "torch.distributions.normal.Normal",
        }:
            yield inner
