"""Residuals that are decoded with the bias which the reconstruction had before them, or with the sign turned round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.formulas.linear_forms import Linear, linear
from aelint.semantics.objective.comparisons import comparisons, is_data

__all__ = ["DoubledBias", "TurnedRest", "doubled_biases", "turned_rests"]


@dataclass(frozen=True, slots=True, eq=False)
class DoubledBias:
    """A decoded code, where it is compared with what another one left over, and where that one is compared with the data."""

    decoded: Sym
    site: Site
    whole: Site


def doubled_biases(program: Program) -> Iterator[DoubledBias]:
    """`decode(rest)` against `x - decode(code)`: the bias that `decode` adds is in both, and can be right in one only.

    The reconstruction is compared with the data by its own, bias and all, so that what is left over has a mean of zero.
    """
    pairs = list(_pairs(program))
    wholes = [(site, {**data, **made}) for site, _, made, data in pairs if _is_data(data) and _biases(made, 1)]
    for site, decoded, made, rest in pairs:
        if _biases(made, 1) & _biases(rest, -1):
            held = (DoubledBias(decoded, site, at) for at, both in wholes if both.keys() <= rest.keys())
            yield from islice(held, 1)


@dataclass(frozen=True, slots=True, eq=False)
class TurnedRest:
    """Where the data is taken from its reconstruction, and where a decoded code is compared with that."""

    rest: Site
    site: Site


def turned_rests(program: Program) -> Iterator[TurnedRest]:
    """`decode(rest)` against `decode(code) - x`: what the one decoder gives for the rest is its negative."""
    for site, _, made, rest in _pairs(program):
        decoders = {_weights(c.tensor) for c in made.values() if c.value == 1} - {None}
        data = [c.value for c in rest.values() if is_data(c.tensor)]
        again = any(_weights(c.tensor) in decoders for c in rest.values() if c.value == 1)
        if again and len(made) == 1 and data == [-1]:
            yield TurnedRest(next((s for s in _differences(program, rest) if s is not None), site), site)


def _differences(program: Program, rest: Linear) -> Iterator[Site | None]:
    """Where exactly these tensors were put together."""
    for node in nodes_of(program, "sub"):
        form = linear(node)
        if form is not None and form.keys() == rest.keys() and all(form[k].value == rest[k].value for k in form):
            yield node.site


def _weights(output: Sym) -> int | None:
    """The layer, or the matrix of parameters, that made a tensor."""
    if output.layer is not None:
        return id(output.layer)
    right = output.inputs[1] if output.op == "matmul" and len(output.inputs) == 2 else None
    return id(right) if isinstance(right, Sym) and right.op == "parameter" else None


def _pairs(program: Program) -> Iterator[tuple[Site, Sym, Linear, Linear]]:
    """Every comparison both ways round: its place, one side, and both as sums."""
    for one in comparisons(program):
        left, right = linear(one.first), linear(one.second)
        if left and right:
            yield one.site, one.first, left, right
            yield one.site, one.second, right, left


def _is_data(form: Linear) -> bool:
    return all(is_data(c.tensor) for c in form.values())


def _biases(form: Linear, times: int) -> set[int]:
    """What is added so often to every sample alike: tensors of one axis, and the biases of layers by the layer."""
    added = [c.tensor for c in form.values() if c.value == times]
    offsets = {t.id for t in added if t.shape is not None and len(t.shape) == 1}
    return offsets | {id(t.layer) for t in added if _has_bias(t)}


def _has_bias(output: Sym) -> bool:
    biased = output.op == "linear" or output.op.startswith(("conv", "bilinear"))
    return biased and isinstance(output.layer, Object) and output.layer.bound.get("bias") is not False
