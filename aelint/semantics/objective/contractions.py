"""Along which axis of a tensor a product adds up."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.domain.values import Sym
from aelint.semantics.operators.api import to_int

__all__ = ["Summed", "axes_after", "summed_axis"]


@dataclass(frozen=True, slots=True)
class Summed:
    """The axis of a tensor, counted from the back, along which the product at `site` adds up."""

    axis: int
    site: Site


def summed_axis(weights: Sym, users: dict[int, list[Sym]]) -> Summed | None:
    """The axis along which every product with the tensor adds up; None where they differ or it is used in another way."""
    assert weights.shape is not None
    rank = len(weights.shape)
    found: list[Summed] = []
    pending = [(weights, tuple(range(-rank, 0)))]
    for one, order in pending:
        for user in users.get(one.id, ()):
            moved = axes_after(user, order)
            if moved is not None:
                pending.append((user, moved))
                continue
            summed = _contracted(user, one, order)
            if summed is None:
                return None
            found.append(summed)
    return found[0] if found and len({s.axis for s in found}) == 1 else None


def axes_after(user: Sym, order: tuple[int, ...]) -> tuple[int, ...] | None:
    """Which of the first tensor's axes stand where, behind an operation that keeps or moves them."""
    match user:
        case Sym(op="dropout" | "to" | "contiguous" | "clone" | "float"):
            return order
        case Sym(op="transpose", attrs={"dim0": first, "dim1": second}):
            a, b = to_int(first), to_int(second)
            if a is None or b is None or max(abs(a), abs(b)) > len(order):
                return None
            axes = list(order)
            axes[a % len(order)], axes[b % len(order)] = axes[b % len(order)], axes[a % len(order)]
            return tuple(axes)
        case Sym(op="permute", attrs={"dims": tuple() as dims}) if len(dims) == len(order):
            known = [to_int(d) for d in dims]
            return tuple(order[d] for d in known if d is not None) if None not in known else None
        case _:
            return None


def _contracted(user: Sym, one: Sym, order: tuple[int, ...]) -> Summed | None:
    if user.site is None:
        return None
    match user:
        case Sym(op="matmul", inputs=(Sym() as left, Sym() as right)) if left is not right and len(order) >= 2:
            return Summed(order[-1] if left is one else order[-2], user.site)
        case Sym(op="einsum", attrs={"equation": str() as equation, "operands": tuple() as operands}):
            given, _, kept = equation.replace(" ", "").partition("->")
            letters = dict(zip((id(o) for o in operands), given.split(","), strict=False)).get(id(one), "")
            gone = [i for i, letter in enumerate(letters) if letter not in kept]
            if len(letters) == len(order) and len(gone) == 1 and "->" in equation:
                return Summed(order[gone[0]], user.site)
    return None
