"""Weights that are drawn by way of the activations that they give: the local reparameterisation of Bayesian layers.

A layer whose weights are Normal with means M and variances V gives activations with mean `layer(x, M)` and variance
`layer(x^2, V)` (Kingma et al. 2015, section 2.2, https://arxiv.org/abs/1506.02557), of which V says how the head of the
weights is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.formulas.algebra import Algebra, algebra_of, close
from aelint.semantics.latent.posteriors import Posterior, law_of, posteriors

__all__ = ["weight_samples"]

_WEIGHTED = {"linear": "weight", "conv1d": "weight", "conv2d": "weight", "conv3d": "weight", "matmul": "other"}
"""Functions that are linear in their weights, and what these are called."""


def weight_samples(program: Program) -> Iterator[Posterior]:
    """The law of the weights behind each sample of activations; its place is where the variance of these is computed."""
    algebra = algebra_of(program)
    for one in posteriors(program):
        if one.law is not None and one.law.kind == "var" and one.mean is not None:
            found = _of_weights(algebra, one, one.mean, one.law.head)
            if found is not None:
                yield found


def _of_weights(algebra: Algebra, sample: Posterior, mean: Sym, variance: Sym) -> Posterior | None:
    weights, spread = _weights(mean), _weights(variance)
    if mean.op != variance.op or variance.site is None or not isinstance(weights, Sym) or not isinstance(spread, Sym):
        return None
    law = law_of(algebra, spread)
    if law is None or not _is_square_of(algebra, variance.attrs.get("input"), mean.attrs.get("input")):
        return None
    law = replace(law, power=law.power / 2)
    return replace(
        sample, mean=weights, scale=None, head=law.head, scale_kind=law.kind, site=variance.site, law=law, learned=True
    )


def _weights(layer: Sym) -> Value:
    return layer.attrs.get(_WEIGHTED[layer.op]) if layer.op in _WEIGHTED and layer.layer is None else None


def _is_square_of(algebra: Algebra, square: Value, value: Value) -> bool:
    left, right = law_of(algebra, square), law_of(algebra, value)
    if left is None or right is None or left.head is not right.head or left.exponential != right.exponential:
        return False
    return close(left.power, 2 * right.power)
