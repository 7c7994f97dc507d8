"""Classes of which exactly one holds, scored as if each were a question of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, origins, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import to_int, to_number

__all__ = ["SeparateClasses", "separate_classes"]

_HANDED_ON = RESHAPES | {"detach", "type", "int", "long", "stack"}


@dataclass(frozen=True, slots=True, eq=False)
class SeparateClasses:
    """A binary cross-entropy of the probabilities that a softmax gives, the softmax, and how many classes it has."""

    loss: Site
    softmax: Sym
    classes: int


def separate_classes(program: Program) -> Iterator[SeparateClasses]:
    """Means of the binary cross-entropy of a softmax with one-hot targets, beside another term of the loss.

    The mean over K classes is about a K-th of the likelihood of the one that holds. A sum is not, and a loss that stands alone
    has its minimum at the same place.
    """
    for call in program.calls_to("binary_cross_entropy"):
        if call.bound.get("reduction", "mean") != "mean" or not isinstance(call.result, Sym):
            continue
        given = [through(one, frozenset({"clamp"})) for one in origins(call.bound.get("input"))]
        softmaxes = [one for one in given if isinstance(one, Sym) and one.op == "softmax" and _classes(one) > 2]
        if not softmaxes or len(softmaxes) < len(given) or not _is_one_hot(call.bound.get("target")):
            continue
        factor = _weight_beside_others(program, call.result)
        if factor is not None and factor * _classes(softmaxes[0]) <= _numbers_per_sample(softmaxes[0]):
            yield SeparateClasses(call.site, softmaxes[0], _classes(softmaxes[0]))


def _weight_beside_others(program: Program, loss: Sym) -> float | None:
    """What a loss is multiplied with before another term is added; None if that is unknown, or none is."""
    factor, users = 1.0, consumers(program)
    for _ in range(8):
        match users.get(loss.id, ()):
            case [Sym(op="add", inputs=(Sym(), Sym()))]:
                return factor
            case [Sym(op="mul", inputs=inputs) as user]:
                numbers = [n for i in inputs if i is not loss and (n := to_number(i)) is not None]
                if len(numbers) != 1:
                    return None
                factor, loss = factor * numbers[0], user
            case _:
                return None
    return None


def _numbers_per_sample(softmax: Sym) -> float:
    """Over how many numbers of each sample the mean goes, without the samples themselves."""
    sizes = [to_int(size) for size in (softmax.shape or ())[1:]]
    known = [size for size in sizes if size is not None]
    return prod(known) if sizes and len(known) == len(sizes) else _classes(softmax)


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
