"""Closed forms of the KL divergence inside a loss, recognised by their terms.

For a diagonal Gaussian against the standard normal, per latent dimension,

    KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - log s^2 - 1) / 2

(Kingma and Welling 2014, appendix B). The network's head may hold log s^2, log s, s or s^2: with the term
`exp(k*h)` for s^2 the logarithm is `k*h`, with `h^p` it is `p*log h`. For categories q against the uniform
law over K, KL = sum q*log q + log K.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from aelint.semantics.dataflow.lineage import source
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.formulas import ONE, Exp, Leaf, Log, Monomial, times
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.summands import Reduction, Summand

__all__ = [
    "CategoricalTerm",
    "GaussianTerm",
    "categorical_terms",
    "close",
    "gaussian_terms",
    "meeting_point",
]


@dataclass(frozen=True, slots=True, eq=False)
class Coefficient:
    """What stands before one part of the formula, and where."""

    value: float = 0.0
    summands: tuple[Summand, ...] = ()

    @property
    def reductions(self) -> tuple[Reduction, ...] | None:
        """The reductions that all its summands share; None where they differ or there is none."""
        found = {s.reductions for s in self.summands}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True, eq=False)
class GaussianTerm:
    """The parts of a Gaussian KL: coefficients of m^2, s^2, log s^2 and 1.

    `log` is the coefficient of log s^2 under the reading of the head that `variance` implies; `stray` are
    further summands of the head alone (a squared log-variance). `scale_kind` is "log" for a head below an
    exponential, "plain" for one below a logarithm.
    """

    mean_leaf: object
    scale_leaf: object
    scale_kind: str
    exponent: float
    """k of `exp(k*h)`, or p of `h^p`."""
    mean: Coefficient
    variance: Coefficient
    log: Coefficient
    constant: Coefficient
    stray: tuple[Summand, ...] = ()
    linear: tuple[Summand, ...] = ()
    """Summands in which a mean stands unsquared."""
    other_squares: bool = False
    """Whether another tensor is squared with the mean's coefficient: it may be the standard deviation."""

    @property
    def parts(self) -> tuple[Coefficient, ...]:
        """The four coefficients that are there."""
        return tuple(c for c in (self.mean, self.variance, self.log, self.constant) if c.summands)

    @property
    def summands(self) -> tuple[Summand, ...]:
        """Everything that belongs to the term."""
        return (*(s for c in self.parts for s in c.summands), *self.stray)

    @property
    def factor(self) -> float | None:
        """C where the parts are c times the formula (constants may be left out); None where they are not."""
        if self.stray or not self.variance.summands or not self.log.summands:
            return None
        half = self.variance.value
        same = close(self.log.value, -half) and (not self.mean.summands or close(self.mean.value, half))
        right = not self.constant.summands or close(self.constant.value, -half)
        return 2 * half if same and right and self.reductions is not None else None

    @property
    def reductions(self) -> tuple[Reduction, ...] | None:
        """The reductions that all parts share."""
        found = {s.reductions for s in self.summands}
        return found.pop() if len(found) == 1 else None

    @property
    def top(self) -> Sym | None:
        """The operation in which all parts have come together."""
        return meeting_point(self.summands)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalTerm:
    """`entropy * q*log q + prior * q + constant` over categories."""

    leaf: tuple[object, ...]
    categories: int | None
    entropy: Coefficient
    prior: Coefficient
    symbolic: bool
    """Whether a part of the prior is not a known number."""

    @property
    def top(self) -> Sym | None:
        """The operation in which all parts have come together."""
        return meeting_point((*self.entropy.summands, *self.prior.summands))


def close(a: float, b: float) -> bool:
    """Whether two coefficients are the same but for rounding."""
    return abs(a - b) <= 1e-6 * max(1e-12, abs(a), abs(b))


def meeting_point(parts: tuple[Summand, ...]) -> Sym | None:
    """The last operation that lies on the paths to all the summands."""
    paths = [s.path for s in parts if s.path]
    last: Sym | None = None
    for level in zip(*paths, strict=False):
        if any(one is not level[0] for one in level):
            break
        last = level[0]
    return last


_VARYING = 2
"""Of mean, variance and logarithm, how many make a sum a KL that is right or nearly right."""
_Scale: TypeAlias = tuple[Leaf, str, float, Monomial]
"""A candidate for the head of the scale: leaf, kind, exponent, and the weights that its terms share."""


@dataclass(slots=True, eq=False)
class _Heads:
    """The summands of a loss by what they could be in a KL."""

    exponentials: dict[tuple[Leaf, float], list[tuple[Monomial, Summand]]] = field(default_factory=dict)
    logarithms: dict[Leaf, list[tuple[Monomial, Summand]]] = field(default_factory=dict)
    powers: dict[tuple[Leaf, float], list[tuple[Monomial, Summand]]] = field(default_factory=dict)
    constants: list[Summand] = field(default_factory=list)


def _sort(summands: tuple[Summand, ...]) -> _Heads:
    heads = _Heads()
    for one in summands:
        if one.product == ONE:
            heads.constants.append(one)
        for generator, exponent in one.product:
            rest = times(one.product, frozenset({(generator, -exponent)}))
            match generator:
                case Exp(of=inner) if len(inner) == 1:
                    ((leaf, degree),) = inner
                    if isinstance(leaf, Leaf) and degree == 1:
                        heads.exponentials.setdefault((leaf, exponent), []).append((rest, one))
                case Log(of=leaf) if exponent == 1:
                    heads.logarithms.setdefault(leaf, []).append((rest, one))
                case Leaf() if _is_tensor(generator):
                    heads.powers.setdefault((generator, exponent), []).append((rest, one))
    return heads


def _is_tensor(leaf: Leaf) -> bool:
    return (
        isinstance(leaf.key, Sym) and leaf.key.kind != "size" and leaf.key.shape != () and leaf.key.tensor is not False
    )


def _with(entries: list[tuple[Monomial, Summand]], rest: Monomial) -> list[Summand]:
    return [s for r, s in entries if r == rest]


def gaussian_terms(objective: Objective) -> Iterator[GaussianTerm]:
    """The Gaussian KL terms of a loss, right or nearly right: at least two of their three varying parts."""
    heads = _sort(objective.summands)
    complete: set[object] = set()
    for scale in _scales(heads):
        term = _gaussian(objective, heads, scale)
        if term is None or not (term.variance.summands or term.constant.summands):
            continue
        if term.factor is not None:
            complete.add(term.mean_leaf)
        elif not term.variance.summands and term.mean_leaf in complete:
            # The mean belongs to a divergence that is right; what stands beside it is another term of the loss.
            continue
        yield term


def _scales(heads: _Heads) -> Iterator[_Scale]:
    """What may be the head of the scale: a leaf below an exponential, below a logarithm, or any that is linear."""
    seen: set[tuple[Leaf, Monomial]] = set()
    for (leaf, k), entries in heads.exponentials.items():
        for rest, _ in entries:
            if (leaf, rest) not in seen:
                seen.add((leaf, rest))
                yield leaf, "log", k, rest
    for leaf, entries in heads.logarithms.items():
        for rest, _ in entries:
            if (leaf, rest) not in seen:
                seen.add((leaf, rest))
                yield leaf, "plain", 2.0 if _with(heads.powers.get((leaf, 2.0), []), rest) else 1.0, rest
    for (leaf, degree), entries in heads.powers.items():
        if _weighs_a_divergence(entries) or _is_term(leaf):
            continue
        for rest, _ in entries:
            if degree == 1.0 and (leaf, rest) not in seen:
                seen.add((leaf, rest))
                yield leaf, "log", 1.0, rest


def _is_term(leaf: Leaf) -> bool:
    """Whether it is a loss or a density, a term of its own."""
    return isinstance(leaf.key, Sym) and (leaf.key.op in LOSSES or leaf.key.op.startswith("distributions."))


def _weighs_a_divergence(entries: list[tuple[Monomial, Summand]]) -> bool:
    """Whether the leaf stands before a variance too: `(ramp + 1) / 2 * kl` holds the ramp times each part, and the parts."""
    return any(isinstance(generator, Exp) for rest, _ in entries for generator, _ in rest)


def _gaussian(objective: Objective, heads: _Heads, scale: _Scale) -> GaussianTerm | None:
    """The term of one head of the scale; None if fewer than two of its varying parts are there."""
    leaf, kind, exponent, rest = scale
    if kind == "log":
        variance = _with(heads.exponentials.get((leaf, exponent), []), rest)
        logs = _with(heads.powers.get((leaf, 1.0), []), rest)
        stray = _with(heads.powers.get((leaf, 2.0), []), rest)
    else:
        variance = _with(heads.powers.get((leaf, exponent), []), rest)
        logs = _with(heads.logarithms.get(leaf, []), rest)
        stray = []
    core = [*variance, *logs]
    means = [
        (other, entries)
        for (other, degree), found in heads.powers.items()
        if degree == 2.0 and other is not leaf and other != leaf and (entries := _with(found, rest))
    ]
    mean_leaf, squares = max(means, key=lambda m: _nearness(m[1], core), default=(None, []))
    if sum(map(bool, (squares, variance, logs))) < _VARYING:
        return None
    beside = [_coefficient(entries).value for other, entries in means if other is not mean_leaf]
    members = [*squares, *core, *stray]
    constants = _constants(objective, heads.constants if rest == ONE else _pure(objective, rest), members)
    if kind == "log" and not variance:
        exponent = _implied(_coefficient(squares).value, _coefficient(logs).value)
    logarithm = sum(s.factor for s in logs) / exponent
    return GaussianTerm(
        mean_leaf.key if mean_leaf is not None else None,
        leaf.key,
        kind,
        exponent,
        _coefficient(squares),
        _coefficient(variance),
        Coefficient(logarithm, tuple(logs)),
        _coefficient(constants),
        tuple(stray),
        tuple(_linear(heads, mean_leaf, leaf, rest, logarithm)),
        any(close(value, _coefficient(squares).value) for value in beside),
    )


def _implied(mean: float, logarithm: float) -> float:
    """What the head is multiplied by below the exponential that is missing: `2 * h` beside one `mean^2` says h is log s."""
    return 2.0 if close(abs(logarithm), 2 * abs(mean)) else 1.0


_HEADS = frozenset({"linear", "conv1d", "conv2d", "conv3d", "batch_norm", "param", "name", "item", "getitem"})
"""What a mean comes from as it is; a difference or a product may be squared already."""


def _linear(heads: _Heads, mean: Leaf | None, scale: Leaf, rest: Monomial, logarithm: float) -> Iterator[Summand]:
    """Where the mean is squared: that mean itself. Where none is: what stands where the square of one belongs."""
    if mean is not None:
        yield from _with(heads.powers.get((mean, 1.0), []), rest)
        return
    for (leaf, degree), entries in heads.powers.items():
        if degree == 1.0 and leaf != scale and isinstance(leaf.key, Sym) and _made_as_a_mean(leaf.key):
            yield from (s for s in _with(entries, rest) if close(s.factor, -logarithm))
    for (leaf, _), entries in heads.exponentials.items():
        is_scale = leaf == scale or _with(heads.powers.get((leaf, 1.0), []), rest)
        if not is_scale and isinstance(leaf.key, Sym) and leaf.key.op in _HEADS:
            yield from (s for s in _with(entries, rest) if close(s.factor, -logarithm))


def _made_as_a_mean(value: Sym) -> bool:
    """Whether it is what a mean comes from, or the size of one."""
    inner = source(value) if value.op == "abs" else value
    return isinstance(inner, Sym) and inner.op in _HEADS


def _pure(objective: Objective, rest: Monomial) -> list[Summand]:
    return [s for s in objective.summands if s.product == rest]


def _coefficient(parts: list[Summand]) -> Coefficient:
    return Coefficient(sum(p.factor for p in parts), tuple(parts))


def _nearness(squares: list[Summand], core: list[Summand]) -> int:
    return max((_shared(a.path, b.path) for a in squares for b in core), default=0)


def _shared(a: tuple[Sym, ...], b: tuple[Sym, ...]) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x is not y:
            break
        count += 1
    return count


def _constants(objective: Objective, candidates: list[Summand], members: list[Summand]) -> list[Summand]:
    """The constants that were added before anything but the term's own parts was."""
    top = meeting_point(tuple(members))
    if top is None:
        return []
    path = members[0].path
    level = next(i for i, one in enumerate(path) if one is top)
    while level > 0 and _only(objective, path[:level], members, candidates):
        level -= 1
    inside = path[: level + 1]
    return [c for c in candidates if _starts(c.path, inside)]


def _only(objective: Objective, prefix: tuple[Sym, ...], members: list[Summand], constants: list[Summand]) -> bool:
    allowed = {id(s) for s in (*members, *constants)}
    return all(id(s) in allowed for s in objective.summands if _starts(s.path, prefix))


def _starts(path: tuple[Sym, ...], prefix: tuple[Sym, ...]) -> bool:
    return path[: len(prefix)] == prefix  # nodes are equal to none but themselves


def categorical_terms(objective: Objective) -> Iterator[CategoricalTerm]:
    """Sums of q*log q over categories, with what is added in multiples of q."""
    for leaf in {leaf for leaf in _softmaxes(objective) if leaf[3] is not None}:
        q, log_q = (Leaf(leaf), 1.0), (Log(Leaf(leaf)), 1.0)
        entropy = [s for s in objective.summands if s.product == frozenset({q, log_q})]
        linear = [s for s in objective.summands if q in s.product and log_q not in s.product]
        if not entropy:
            continue
        plain = [s for s in linear if s.product == frozenset({q})]
        size = leaf[3]
        yield CategoricalTerm(
            leaf,
            size if isinstance(size, int) else None,
            _coefficient(entropy),
            _coefficient(plain),
            symbolic=len(plain) < len(linear),
        )


def _softmaxes(objective: Objective) -> Iterator[tuple[object, ...]]:
    for one in objective.summands:
        for key in one.leaves:
            if isinstance(key, tuple) and key and key[0] == "softmax":
                yield key
