"""Tensors that are computed alike have one leaf."""

from __future__ import annotations

from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.algebra import Algebra


def chain(start: Sym, length: int) -> Sym:
    value = start
    for _ in range(length):
        value = Sym("relu", (value,))
    return value


def test_two_chains_longer_than_the_stack_of_python_are_told_to_be_alike():
    start, algebra = Sym("param"), Algebra()
    one, other = chain(start, 3000), chain(start, 3000)
    assert algebra.leaf(other) is algebra.leaf(one)
    assert algebra.leaf(chain(start, 2999)) is not algebra.leaf(one)


def test_two_draws_are_never_alike():
    algebra = Algebra()
    size = Sym("param")
    assert algebra.leaf(Sym("randn", (size,))) is not algebra.leaf(Sym("randn", (size,)))
