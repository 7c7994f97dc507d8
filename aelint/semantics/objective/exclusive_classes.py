"""Classes of which exactly one holds, scored as if each were a question of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, origins, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import to_int, to_number

__all__ = ["SeparateClasses", "separate_classes"]

_HANDED_ON = RESHAPES | {"detach", "type", "int", "long", "stack"}


@dataclass(frozen=True, slots=True, eq=False)
class SeparateClasses:
    """A binary cross-entropy of the probabilities that a softmax gives, and the softmax."""

    loss: Site
    softmax: Sym


def separate_classes(program: Program) -> Iterator[SeparateClasses]:
    """Binary cross-entropies of a softmax over more than two classes with one-hot targets.

    Summed over the classes it is not the likelihood of the one that holds, and the mean over K classes divides it by K: a
    divergence beside it weighs K times as much.
    """
    for call in program.calls_to("binary_cross_entropy"):
        given = [through(one, frozenset({"clamp"})) for one in origins(call.bound.get("input"))]
        softmaxes = [one for one in given if isinstance(one, Sym) and one.op == "softmax" and _classes(one) > 2]
        if softmaxes and len(softmaxes) == len(given) and _is_one_hot(call.bound.get("target")):
            yield SeparateClasses(call.site, softmaxes[0])


def _classes(softmax: Sym) -> int:
    """Among how many classes a softmax chooses; 0 if that is unknown."""
    axis = softmax.layer.bound.get("dim") if isinstance(softmax.layer, Object) else softmax.attrs.get("dim")
    sizes = softmax.last if softmax.shape is None else softmax.shape
    known = isinstance(axis, int) and -len(sizes) <= axis < (0 if softmax.shape is None else len(sizes))
    return (to_int(sizes[axis]) if known and isinstance(axis, int) else None) or 0


def _is_one_hot(value: Value) -> bool:
    """Whether a tensor certainly marks one class with one and the others with zero."""
    match through(value, _HANDED_ON):
        case Sym(op="one_hot"):
            return True
        case Sym(op="getitem", attrs={"input": Sym(op="eye")}):
            return True
        case Sym(op="scatter", attrs={"src": marked}) as scattered:
            zeros = source(scattered)
            return to_number(marked) == 1 and isinstance(zeros, Sym) and zeros.op == "zeros"
        case _:
            return False
