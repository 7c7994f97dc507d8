"""Affine maps written out: a product with weights that are kept as a parameter, and the bias that is added to it."""

from __future__ import annotations

from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.domain.values import Sym, Value

__all__ = ["is_projection"]

_PRODUCTS = frozenset({"matmul", "addmm", "einsum", "bmm", "baddbmm"})
_MOST_SUMMANDS = 4
_SAME_WEIGHTS = RESHAPES | {"t", "mT"}


def is_projection(value: Value, summands: int = _MOST_SUMMANDS) -> bool:
    """Whether the value is `x @ W`, `x @ W + b` or another spelling of what a linear layer computes.

    So is the sum of what two layers make, `self.own(h) + self.neighbours(g)`: nothing reads one of them without the other.
    """
    if not isinstance(value, Sym) or len(value.inputs) < 2:
        return False
    weights = [i for i in value.inputs if _is_weight(i)]
    if value.op in _PRODUCTS:
        return bool(weights)
    if value.op != "add":
        return False
    return (len(weights) == 1 and any(_is_product(i) for i in value.inputs)) or _is_of_two_layers(value, summands)


def _is_of_two_layers(value: Sym, summands: int) -> bool:
    """Whether both operands are features that weights made; one number for each sample is a score, and a term of its own."""
    # A chain of shortcuts is a sum of very many, which would be gone through again at each of its blocks.
    return summands > 1 and all(
        isinstance(i, Sym) and (i.shape or i.last)[-1:] != (1,) and (_is_affine(i) or is_projection(i, summands - 1))
        for i in value.inputs
    )


def _is_affine(value: Sym) -> bool:
    return value.op in _AFFINE and value.layer is not None


_AFFINE = frozenset({"linear", "conv1d", "conv2d", "conv3d"})


def _is_product(value: Value) -> bool:
    return isinstance(value, Sym) and value.op in _PRODUCTS and any(_is_weight(i) for i in value.inputs)


def _is_weight(value: Value) -> bool:
    found = through(value, _SAME_WEIGHTS)
    return isinstance(found, Sym) and found.op == "parameter"
