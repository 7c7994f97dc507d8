"""Sizes of arrays that numpy's generators draw, and of what keeps an array's shape."""

from __future__ import annotations

from aelint.semantics.domain.values import External, Shape, Sym, Value
from aelint.semantics.operators.random import sizes_of

__all__ = ["drawn_shape", "kept_shape"]

_BY_SIZES = frozenset({"rand", "randn"})
"""Draws that take each size as an argument of its own."""
_SIZE_AT = {
    **dict.fromkeys(("random", "random_sample", "standard_normal", "standard_exponential"), 0),
    **dict.fromkeys(("poisson", "exponential", "standard_gamma", "standard_t", "chisquare"), 1),
    **dict.fromkeys(
        ("normal", "uniform", "gamma", "beta", "binomial", "laplace", "lognormal", "logistic", "integers", "randint"), 2
    ),
}
"""The place of `size` among the arguments of each law."""
_GENERATORS = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.Generator"})


def drawn_shape(name: str, args: tuple[Value, ...], kwargs: dict[str, Value], receiver: Value = None) -> Shape | None:
    """The shape of a draw of `numpy.random`, or of a method of a generator; None for anything else."""
    law = name.removeprefix("numpy.random.")
    if (receiver is None and law == name) or (receiver is not None and not _is_generator(receiver)):
        return None
    if law in _BY_SIZES:
        return sizes_of(args) if args and all(isinstance(a, int) for a in args) else None
    place = _SIZE_AT.get(law)
    given = kwargs.get("size", args[place] if place is not None and len(args) > place else None)
    return sizes_of((given,)) if place is not None and isinstance(given, (int, tuple)) else None


def kept_shape(method: str, receiver: Value) -> Shape | None:
    """The shape of a cast or copy of an array."""
    return receiver.shape if method in {"astype", "copy"} and isinstance(receiver, Sym) else None


def _is_generator(value: Value) -> bool:
    callee = value.attrs.get("callee") if isinstance(value, Sym) and value.op == "call" else None
    return isinstance(callee, External) and callee.name in _GENERATORS
