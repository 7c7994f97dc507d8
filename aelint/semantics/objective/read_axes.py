"""Probabilities that sum to one along the first axis and are read along another one.

Drawing reads the last axis, and so does a product of matrices with what stands on the left; an entropy reads the axis
that its sum names. Of a single vector the first axis is the last, so the number of axes must be known to be larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.domain.values import Object, Sym, Value, elements
from aelint.semantics.objective.contractions import is_learned
from aelint.semantics.operators.api import to_int
from aelint.semantics.variants.attention_masks import scores_of

__all__ = ["Read", "read_beside_first_axis"]

_KEEPING = frozenset(
    {
        "setitem", "to", "clone", "contiguous", "detach", "float", "double", "half", "clamp", "softmax", "log_softmax", "log", "exp",
        "neg", "masked_fill", "relu", "tanh", "sigmoid", "dropout", "abs", "sqrt", "pow", "square",
    }
)  # fmt: skip
"""Operations after which a tensor has as many axes as before."""
_BINARY = frozenset({"add", "sub", "mul", "truediv"})


@dataclass(frozen=True, slots=True)
class Read:
    """Where the probabilities are read along another axis, and what for."""

    site: Site
    what: str


def read_beside_first_axis(weights: Sym, users: dict[int, list[Sym]]) -> Read | None:
    """The first use of what sums to one along axis 0 that certainly goes along another axis."""
    return next((one for user in users.get(weights.id, ()) for one in _uses(weights, user, users)), None)


def _uses(weights: Sym, user: Sym, users: dict[int, list[Sym]]) -> Iterator[Read]:
    if user.site is None:
        return
    several = least_rank(weights) > 1
    match user:
        case Sym(op="multinomial", inputs=(first, *_)) if first is weights and several:
            yield Read(user.site, "each row is drawn from on its own")
        case Sym(
            op="distributions.sample" | "distributions.rsample" | "distributions.log_prob",
            attrs={"self": Object(name=name) as law},
        ):
            if name.rpartition(".")[2] in _CHOICES and several and weights in (*law.args, *law.kwargs.values()):
                yield Read(user.site, "each row is drawn from on its own")
        case Sym(op="getitem", inputs=(first, *_)) if first is weights and _takes_first(user):
            drawn = (one for one in users.get(user.id, ()) if one.op == "multinomial" and one.site is not None)
            yield from (Read(one.site, "one row is drawn from") for one in drawn if one.site is not None)
        case Sym(op="matmul", inputs=(left, Sym())) if (
            left is weights and several and len(users[weights.id]) == 1 and _attends(weights)
        ):
            yield Read(user.site, "the values are added up along the last axis")
        case Sym(op="mul", inputs=(Sym() as left, Sym() as right)):
            other = right if left is weights else left
            if any(one is weights or one is source(weights) for one in ancestors(other)):
                yield from _summed(user, weights, users)


def _attends(weights: Sym) -> bool:
    """Whether they share out the products of queries and keys that were both computed from what is given: prototypes have samples, too."""
    scores = scores_of(weights)
    return scores is not None and not any(isinstance(one, Sym) and is_learned(one) for one in scores.inputs)


_CHOICES = frozenset({"Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Multinomial"})


def _takes_first(value: Sym) -> bool:
    """Whether an index takes one place of axis 0."""
    index = value.attrs.get("index")
    first = index[0] if isinstance(index, tuple) and index else index
    return isinstance(first, int) and not isinstance(first, bool)


def _summed(product: Sym, weights: Sym, users: dict[int, list[Sym]]) -> Iterator[Read]:
    """The sums of `p * log p`, or of differences of such products, that leave axis 0 out."""
    pending = [product]
    for one in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            axes = _axes(user)
            if user.op in {"neg", "sub", "add"}:
                pending.append(user)
            elif user.op == "sum" and axes and user.site is not None and _leaves_first(axes, weights):
                yield Read(
                    user.site,
                    f"the terms are added up along {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}",
                )


def _axes(value: Sym) -> tuple[int, ...]:
    given = value.attrs.get("dim")
    listed = elements(given)
    found = [to_int(one) for one in ([given] if listed is None else listed)]
    return tuple(one for one in found if one is not None) if None not in found else ()


def _leaves_first(axes: tuple[int, ...], weights: Sym) -> bool:
    rank = least_rank(weights)
    return all(axis > 0 or -rank < axis < 0 for axis in axes)


_MATRIX = 2


_STEPS = 10
"""How far back the operations are asked: each sum asks both of its operands."""


def least_rank(value: Value, steps: int = _STEPS) -> int:
    """How many axes a tensor has at least, by its shape and by the operations that made it."""
    if not isinstance(value, Sym) or not steps:
        return 0
    if value.shape is not None:
        return len(value.shape)
    inner = [one for one in value.inputs if isinstance(one, Sym)]
    match value.op:
        case "getitem" if isinstance(index := value.attrs.get("index"), tuple):
            return sum(isinstance(one, slice) or one is None for one in index)
        case "linear" | "layer_norm":
            return max(len(value.last), least_rank(source(value), steps - 1))
        case "sum" | "mean" if value.attrs.get("keepdim") is not True:
            axes = _axes(value)
            below = max((axis + 1 if axis >= 0 else -axis for axis in axes), default=0)
            return max(0, max(below, least_rank(source(value), steps - 1)) - len(axes)) if axes else 0
        case "flatten" if (start := to_int(value.attrs.get("start_dim"))) is not None and start > 0:
            return start + 1
        case "matmul":
            ranks = [least_rank(one, steps - 1) for one in inner[:2]]
            return max(0, max(ranks, default=0) - (min(ranks, default=0) < _MATRIX))
        case "transpose":
            named = [to_int(value.attrs.get(name)) for name in ("dim0", "dim1")]
            return max(
                [least_rank(source(value), steps - 1), *(a + 1 if a >= 0 else -a for a in named if a is not None)]
            )
        case op if op in _BINARY:
            return max((least_rank(one, steps - 1) for one in inner), default=0)
        case op if op in _KEEPING:
            return least_rank(inner[0], steps - 1) if inner else 0
        case _:
            return len(value.last)
