"""What a mask is used for, followed forwards from where it is made: reshaped, turned into numbers, turned round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.latent.posteriors import feeds_layer
from aelint.semantics.operators.api import to_number
from aelint.semantics.optimization.initialization import is_weighted

__all__ = ["CARRIERS", "MaskUse", "covered_where", "hidden_where", "mask_uses"]

CARRIERS = RESHAPES | {"repeat", "bool", "int", "long", "tensor", "detach", "interpolate", "repeat_interleave"}
"""Operations that hand a mask on with every value as it was, perhaps for more places."""
_GIVEN = frozenset({"param", "batch", "element"})


@dataclass(frozen=True, slots=True, eq=False)
class MaskUse:
    """An operation that a mask goes into as `mask`; `straight` is False where that is the mask turned round."""

    user: Sym
    mask: Sym
    straight: bool


def mask_uses(mask: Sym, users: dict[int, list[Sym]]) -> Iterator[MaskUse]:
    """Every use of a mask that does more than hand it on."""
    pending, seen = [(mask, True)], set[int]()
    for one, straight in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            if user.id in seen:
                continue
            seen.add(user.id)
            same = user.op in CARRIERS or (user.op == "getitem" and source(user) is one)
            if same or user.op in {"invert", "logical_not"} or _is_rest(user, one):
                pending.append((user, straight == same))
            else:
                yield MaskUse(user, one, straight)


def _is_rest(user: Sym, mask: Sym) -> bool:
    """`1 - mask`, or `mask == 0`."""
    match user:
        case Sym(op="sub", inputs=(first, second)):
            return to_number(first) == 1 and second is mask
        case Sym(op="eq", inputs=(first, second)):
            return first is mask and to_number(second) == 0
        case _:
            return False


def covered_where(use: MaskUse, is_cover: Callable[[Value], bool]) -> bool | None:
    """Whether such a value takes the places where the mask holds, or those where it does not; None if it takes neither."""
    match use.user:
        case Sym(op="where", inputs=(condition, *_), attrs={"input": first, "other": second}) if condition is use.mask:
            return is_cover(first) if is_cover(first) != is_cover(second) else None
        case Sym(op="setitem", attrs={"index": index}, inputs=(_, filling, *_)) if index is use.mask:
            return True if is_cover(filling) else None
        case Sym(op="mul", inputs=(first, second)):
            return True if is_cover(second if first is use.mask else first) else None
        case _:
            return None


def hidden_where(program: Program, use: MaskUse) -> bool | None:
    """Whether a use covers the places where the mask holds, or lets the network see these alone; None if it tells neither."""
    covered = covered_where(use, _is_stand_in)
    if covered is not None:
        return covered
    match use.user:
        case Sym(op="masked_fill", inputs=(_, mask, *_)) if mask is use.mask:
            return True
        case Sym(op="getitem", attrs={"index": index}, inputs=(kept, *_)) if index is use.mask:
            pass
        case Sym(op="mul", inputs=(first, second)):
            kept = second if first is use.mask else first
        case _:
            return None
    return False if _is_content(kept) and feeds_layer(program, use.user) else None


def _is_content(value: Value) -> bool:
    """Whether a value was given, or computed by a layer; positions and other tables are neither."""
    return any(a.op in _GIVEN or (a.layer is not None and is_weighted(a.layer)) for a in ancestors(value))


def _is_stand_in(value: Value) -> bool:
    """Whether a value says nothing of the data: a number, zeros, a learned token."""
    value = through(value, CARRIERS)
    return to_number(value) is not None or (isinstance(value, Sym) and value.op in {"zeros", "parameter"})
