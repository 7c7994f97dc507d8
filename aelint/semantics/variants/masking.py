"""Masked autoencoders by dataflow: the shuffled order of patches, its inverse, masks and mask tokens."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, source, through, through_reshapes
from aelint.semantics.domain.dims import Dim, add
from aelint.semantics.domain.values import Sym, Value, elements
from aelint.semantics.operators.api import to_number

__all__ = ["Cut", "cut_of", "mask_tokens", "order_of", "writes_of"]

_MOVES = RESHAPES | {"repeat", "getitem", "expand", "long"}


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A mask over a shuffled order: which end of it is marked with one, and the order that it was brought back from."""

    marks_first: bool
    restored: bool
    order: Sym | None
    site: Site | None


def order_of(value: Value) -> Sym | None:
    """The shuffling order behind reshapes and cuts: an argsort of noise, or a random permutation."""
    match value := through(value, _MOVES):
        case Sym(op="argsort") if not _is_argsort(source(value)):
            return value
        case Sym(op="randperm"):
            return value
        case _:
            return None


def _is_argsort(value: Value) -> bool:
    order = through_reshapes(value)
    return isinstance(order, Sym) and order.op in {"argsort", "randperm"}


def _inverse_of(value: Value) -> Sym | None:
    """The order whose inverse this is."""
    inverse = through(value, _MOVES)
    return order_of(source(inverse)) if isinstance(inverse, Sym) and inverse.op == "argsort" else None


def writes_of(value: Value) -> bool:
    """Whether a tensor was filled with one constant and partly overwritten with another."""
    return _written(value) is not None


def _written(value: Value) -> tuple[bool, Site | None] | None:
    """Whether the first entries are the ones, for `ones` or `zeros` of which an end was overwritten."""
    match value:
        case Sym(op="setitem", inputs=(Sym(op="ones" | "zeros") as start, given, *_), attrs={"index": index}):
            number = to_number(given)
            rows = index if isinstance(index, tuple) else (index,)
            cuts = [p for p in rows if isinstance(p, slice) and (p.start is not None or p.stop is not None)]
            if len(cuts) != 1 or number not in {0, 1} or number == (1 if start.op == "ones" else 0):
                return None
            of_first = cuts[0].start in {None, 0}
            return (number == 1) == of_first, value.site
        case _:
            return None


def cut_of(value: Value) -> Cut | None:
    """The mask that a value is, or `1 - mask`; None if it is none."""
    flipped = False
    while isinstance(value, Sym):
        match value:
            case Sym(op=op) if op in RESHAPES:
                value = source(value)
            case Sym(op="sub", attrs={"input": 1 | 1.0, "other": inner}):
                flipped, value = not flipped, inner
            case Sym(op="invert" | "logical_not", inputs=(inner, *_)):
                flipped, value = not flipped, inner
            case Sym(op="gather", attrs={"input": inner, "index": index}):
                order = _inverse_of(index)
                written = _written(inner)
                if written is None:
                    return None
                return Cut(written[0] != flipped, order is not None, order, written[1])
            case _:
                return None
    return None


def mask_tokens(value: Sym) -> Dim | None:
    """How many mask tokens were joined to the tokens of the encoder: copies of one learned vector."""
    joined = through_reshapes(value)
    if not isinstance(joined, Sym) or joined.op != "cat":
        return None
    parts = elements(joined.attrs.get("tensors")) or []
    axis = joined.attrs.get("dim", 0)
    total: Dim = 0
    found = False
    for part in parts[1:]:
        if not (isinstance(part, Sym) and part.op in {"expand", "repeat"} and part.shape is not None):
            continue
        token = source(part)
        if (
            isinstance(token, Sym)
            and token.op == "parameter"
            and isinstance(axis, int)
            and -len(part.shape) <= axis < len(part.shape)
        ):
            total, found = add(total, part.shape[axis]), True
    return total if found else None
