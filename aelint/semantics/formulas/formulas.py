"""Formulas in normal form: sums of multiples of products of powers.

Two ways of writing one formula have the same normal form: `exp(0.5 * logvar) ** 2` is `exp(logvar)`,
`log(std ** 2)` is `2 * log(std)`, parentheses are gone. What is opaque (the output of a layer) is a `Leaf`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "ONE",
    "Exp",
    "Form",
    "Generator",
    "Leaf",
    "Log",
    "Monomial",
    "exponential",
    "logarithm",
    "multiply",
    "power",
    "times",
    "without_guards",
]

NEGLIGIBLE = 1e-4
"""Constants below this guard logarithms and quotients against zero; they are no part of the formula."""
LARGEST_FORM = 64


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that is not taken apart, known by its key."""

    key: object


@dataclass(frozen=True, slots=True)
class Exp:
    """The exponential of a product."""

    of: Monomial


@dataclass(frozen=True, slots=True)
class Log:
    """The logarithm of a leaf."""

    of: Leaf


Generator: TypeAlias = Leaf | Exp | Log
Monomial: TypeAlias = "frozenset[tuple[Generator, float]]"
"""A product: each factor with its exponent."""
Form: TypeAlias = Mapping[Monomial, float]
"""A sum: each product with its coefficient."""

ONE: Monomial = frozenset()


def times(left: Monomial, right: Monomial) -> Monomial:
    """The product of two products."""
    powers = dict(left)
    for generator, exponent in right:
        powers[generator] = powers.get(generator, 0.0) + exponent
    return frozenset((g, e) for g, e in powers.items() if abs(e) > 1e-12)


def multiply(left: Form, right: Form) -> Form | None:
    """The product of two sums; None where it grows too large."""
    if len(left) * len(right) > LARGEST_FORM:
        return None
    product: dict[Monomial, float] = {}
    for a, x in left.items():
        for b, y in right.items():
            key = times(a, b)
            product[key] = product.get(key, 0.0) + x * y
    return product


def power(form: Form, exponent: float) -> Form | None:
    """A constant power: of a product always, of a sum where the exponent is 1 or 2."""
    terms = [(m, c) for m, c in form.items() if c]
    if len(terms) == 1:
        (monomial, factor), *_ = terms
        if factor < 0 and not float(exponent).is_integer():
            return None
        scaled = frozenset((g, e * exponent) for g, e in monomial)
        try:
            return {scaled: float(factor**exponent)}
        except (OverflowError, ZeroDivisionError):
            return None
    if exponent == 1:
        return form
    guarded = without_guards(form)
    return multiply(guarded, guarded) if exponent == 2 and terms else None


def without_guards(form: Form) -> Form:
    """The sum without the small constant that keeps a logarithm or quotient finite."""
    return {m: c for m, c in form.items() if m != ONE or abs(c) > NEGLIGIBLE} or form


def exponential(form: Form) -> Form | None:
    """Exponential of a sum: the product of the exponentials of its terms."""
    monomial, factor = ONE, 1.0
    for term, coefficient in form.items():
        if term == ONE:
            try:
                factor = math.exp(coefficient)
            except OverflowError:
                return None
        else:
            monomial = times(monomial, _exponential_of(term, coefficient))
    return {monomial: factor}


def _exponential_of(term: Monomial, coefficient: float) -> Monomial:
    if len(term) == 1:
        ((generator, exponent),) = term
        if isinstance(generator, Log) and exponent == 1:
            return frozenset({(generator.of, coefficient)})
    return frozenset({(Exp(term), coefficient)})


def logarithm(form: Form) -> Form | None:
    """Logarithm of a product: the sum of the logarithms of its factors; None for a sum."""
    terms = list(without_guards(form).items())
    if len(terms) != 1 or terms[0][1] <= 0:
        return None
    (monomial, factor), *_ = terms
    result: dict[Monomial, float] = {ONE: math.log(factor)} if factor != 1 else {}
    for generator, exponent in monomial:
        match generator:
            case Exp(of=inner):
                result[inner] = result.get(inner, 0.0) + exponent
            case Leaf():
                result[frozenset({(Log(generator), 1.0)})] = exponent
            case Log():
                return None
    return result
