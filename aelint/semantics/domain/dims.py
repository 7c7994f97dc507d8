"""Sizes of axes: integers, or polynomials with integer coefficients over named unknowns.

Two sizes are equal when their normal forms are; they contradict each other when they differ by a
non-zero constant. Anything in between is unknown, and nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

__all__ = [
    "Atom",
    "Dim",
    "Poly",
    "add",
    "atom",
    "contradict",
    "divide",
    "equal",
    "floor_divide",
    "forget",
    "mul",
    "product",
    "sub",
    "whole_floor",
]

DEEPEST = 5
"""How many floors of quotients may be nested in a size: five strided convolutions after each other."""
MOST_TERMS = 24
LONGEST_NAME = 60
"""Characters of a size in a message; names that contain two others would double with each operation."""

REMEMBERED = 4096
"""Results of arithmetic that are kept."""

Monomial: TypeAlias = tuple["Atom", ...]


class Atom:
    """An unknown size. `key` is its identity; `name` is how a message says it.

    `batch` marks the number of samples; `depth` counts how often floors of quotients are nested in it.
    The hash is kept, since floors nest and a hash that walks them anew each time takes exponential time.
    """

    __slots__ = ("_hash", "batch", "depth", "key", "name")

    def __init__(self, key: object, name: str, *, batch: bool = False, depth: int = 0) -> None:
        self.key = key
        self.name = name if len(name) <= LONGEST_NAME else "?"
        self.batch = batch
        self.depth = depth
        self._hash = hash(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Atom) and self._hash == other._hash and self.key == other.key

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Atom) -> bool:
        return (self.name, self._hash) < (other.name, other._hash)


class Poly:
    """A sum of integer multiples of products of atoms, in normal form (no zero terms, at least one atom)."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Poly) and self._hash == other._hash and self.terms == other.terms

    def __repr__(self) -> str:
        return f"Poly({self})"

    @property
    def atoms(self) -> frozenset[Atom]:
        """The unknowns that occur."""
        return frozenset(a for monomial, _ in self.terms for a in monomial)

    @property
    def has_batch(self) -> bool:
        """Whether the number of samples is a factor of some term."""
        return any(a.batch for a in self.atoms)

    def __str__(self) -> str:
        """As people write it: what is added first, numbers last."""
        text = ""
        for monomial, factor in sorted(self.terms, key=lambda term: (not term[0], term[1] < 0)):
            names = "*".join(a.name for a in monomial)
            size = abs(factor)
            sign = ("-" if factor < 0 else "") if not text else " - " if factor < 0 else " + "
            text += sign + (str(size) if not names else names if size == 1 else f"{size}*{names}")
        return text


Dim: TypeAlias = int | Poly


def atom(key: object, name: str, *, batch: bool = False, depth: int = 0) -> Poly:
    """A fresh unknown as a dimension."""
    return Poly((((Atom(key, name, batch=batch, depth=depth),), 1),))


def _terms(dim: Dim) -> dict[Monomial, int]:
    if isinstance(dim, Poly):
        return dict(dim.terms)
    return {(): dim} if dim else {}


def _normal(terms: dict[Monomial, int]) -> Dim:
    kept = {m: c for m, c in terms.items() if c}
    if not any(kept):
        return kept.get((), 0)
    poly = Poly(tuple(sorted(kept.items(), key=lambda item: (len(item[0]), item[0]))))
    return poly if len(kept) <= MOST_TERMS else _opaque(poly)


def _opaque(dim: Dim) -> Poly:
    """An unknown in the place of an expression that has grown too large to be of use; equal ones stay equal."""
    batch = isinstance(dim, Poly) and dim.has_batch
    return atom(("expression", hash(dim)), "?", batch=batch)


def _depth(dim: Dim) -> int:
    return max((a.depth for a in dim.atoms), default=0) if isinstance(dim, Poly) else 0


def _floor(left: Dim, right: Dim) -> Poly:
    depth = max(_depth(left), _depth(right)) + 1
    if depth > DEEPEST:
        return atom(("expression", hash((left, right))), "?")
    text = f"({left})//{right}" if isinstance(right, int) else f"({left})//({right})"
    return atom(("floor", left, right), text, depth=depth)


def add(left: Dim, right: Dim) -> Dim:
    """The sum."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return _sum(left, right)


# A deep network asks for the same few sums for every block, round and caller.
@lru_cache(maxsize=REMEMBERED)
def _sum(left: Dim, right: Dim) -> Dim:
    terms = _terms(left)
    for monomial, factor in _terms(right).items():
        terms[monomial] = terms.get(monomial, 0) + factor
    return _normal(terms)


def mul(left: Dim, right: Dim) -> Dim:
    """The product."""
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    return _product(left, right)


@lru_cache(maxsize=REMEMBERED)
def _product(left: Dim, right: Dim) -> Dim:
    terms: dict[Monomial, int] = {}
    for a, x in _terms(left).items():
        for b, y in _terms(right).items():
            key = tuple(sorted(a + b))
            terms[key] = terms.get(key, 0) + x * y
    return _normal(terms)


def sub(left: Dim, right: Dim) -> Dim:
    """The difference."""
    return add(left, mul(right, -1))


def product(dims: Iterable[Dim]) -> Dim:
    """The product of all, 1 for none."""
    total: Dim = 1
    for dim in dims:
        total = mul(total, dim)
    return total


def divide(left: Dim, right: Dim) -> Dim | None:
    """The exact quotient, None where it is not a polynomial."""
    if isinstance(left, int) and isinstance(right, int):
        return left // right if right and left % right == 0 else None
    if right == 0:
        return None
    if isinstance(right, int):
        terms = _terms(left)
        if any(c % right for c in terms.values()):
            return None
        return _normal({m: c // right for m, c in terms.items()})
    if len(right.terms) != 1:
        return 1 if equal(left, right) else None
    (monomial, factor), *_ = right.terms
    result: dict[Monomial, int] = {}
    for m, c in _terms(left).items():
        rest = _without(m, monomial)
        if rest is None or c % factor:
            return None
        result[rest] = c // factor
    return _normal(result)


def _without(monomial: Monomial, factors: Monomial) -> Monomial | None:
    rest = list(monomial)
    for factor in factors:
        if factor not in rest:
            return None
        rest.remove(factor)
    return tuple(rest)


def floor_divide(left: Dim, right: Dim) -> Dim:
    """The floor of the quotient: exact where it can be, else an atom of its own.

    The part that divides evenly is taken out, so that `(2*h + 1) // 2` is `h`.
    """
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        return left // right
    return _quotient(left, right)


def whole_floor(left: Dim, right: Dim) -> Poly:
    """The floor of a quotient as one unknown, which counts samples where the dividend does."""
    (monomial, _), *_ = _floor(left, right).terms
    floor = monomial[0]
    return atom(floor.key, floor.name, batch=isinstance(left, Poly) and left.has_batch, depth=floor.depth)


def forget() -> None:
    """Drop the remembered results, so that what is said of one file never rests on another one read before it."""
    for remembered in (_sum, _product, _quotient):
        remembered.cache_clear()


@lru_cache(maxsize=REMEMBERED)
def _quotient(left: Dim, right: Dim) -> Dim:
    exact = divide(left, right)
    if exact is not None:
        return exact
    if isinstance(right, int) and right > 0:
        even: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for m, c in _terms(left).items():
            quotient, remainder = divmod(c, right)
            even[m], rest[m] = quotient, remainder
        remainder_dim = _normal(rest)
        if isinstance(remainder_dim, int):
            return _normal(even)
        whole = _normal(even)
        return add(whole, _floor(remainder_dim, right))
    return _floor(left, right)


def equal(left: Dim, right: Dim) -> bool:
    """Whether both are the same for every value of the unknowns."""
    return left == right


def contradict(left: Dim, right: Dim) -> bool:
    """Whether they differ for every value of the unknowns."""
    difference = sub(left, right)
    return isinstance(difference, int) and difference != 0
