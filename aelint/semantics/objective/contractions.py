"""Along which axis of a tensor a product adds up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.values import Sym
from aelint.semantics.operators.api import to_int

__all__ = ["Summed", "axes_after", "is_learned", "summed_axis", "weighted_sum_axis"]

_LEARNED = frozenset({"parameter"})


@dataclass(frozen=True, slots=True)
class Summed:
    """The axis of a tensor, counted from the back, along which its product with `other` at `site` adds up."""

    axis: int
    site: Site
    other: Sym


def is_learned(value: Sym) -> bool:
    """Whether a tensor is made of parameters alone, such as prototypes, and of nothing that was given."""
    made = ancestors(value, _LEARNED)
    return all(a.op in _LEARNED or any(isinstance(i, Sym) for i in a.inputs) for a in made)


def summed_axis(weights: Sym, users: dict[int, list[Sym]]) -> Summed | None:
    """The axis along which every product with the tensor adds up; None where they differ or it is used in another way.

    What is learned has the axis that it is learned for, whatever else the tensor is used for.
    """
    found = list(_products(weights, users))
    known = [one for one in found if one is not None]
    if not known or len({one.axis for one in known}) > 1:
        return None
    return known[0] if len(known) == len(found) or all(is_learned(one.other) for one in known) else None


def weighted_sum_axis(weights: Sym, users: dict[int, list[Sym]]) -> Summed | None:
    """The axis of `(weights * values).sum(axis)`, where every product of the tensor is added up along the same one."""
    found = [_added_up(user, weights, users) for user in users.get(weights.id, ())]
    known = [one for one in found if one is not None]
    return known[0] if known and len(known) == len(found) and len({one.axis for one in known}) == 1 else None


def _added_up(product: Sym, weights: Sym, users: dict[int, list[Sym]]) -> Summed | None:
    match product, users.get(product.id, ()):
        case Sym(op="mul", shape=tuple() as shape, inputs=(Sym() as left, Sym() as right)), [Sym(op="sum") as total]:
            axis, other = to_int(total.attrs.get("dim")), right if left is weights else left
            if axis is not None and total.site is not None and -len(shape) <= axis < len(shape):
                return Summed(axis if axis < 0 else axis - len(shape), total.site, other)
    return None


def _products(weights: Sym, users: dict[int, list[Sym]]) -> Iterator[Summed | None]:
    """The uses of a tensor, wherever its axes were moved to before; None for one that is no product."""
    assert weights.shape is not None
    pending = [(weights, tuple(range(-len(weights.shape), 0)))]
    for one, order in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            moved = axes_after(user, order)
            if moved is None:
                yield _contracted(user, one, order)
            else:
                pending.append((user, moved))


def axes_after(user: Sym, order: tuple[int, ...]) -> tuple[int, ...] | None:
    """Which of the first tensor's axes stand where, behind an operation that keeps or moves them."""
    match user:
        case Sym(op="dropout" | "to" | "contiguous" | "clone" | "float"):
            return order
        case Sym(op="transpose") if len(order) == 2:
            return order[::-1]
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
            return Summed(*((order[-1], user.site, right) if left is one else (order[-2], user.site, left)))
        case Sym(op="linear", layer=None, attrs={"weight": Sym() as weight}, inputs=(first, *_)) if first is one:
            return Summed(order[-1], user.site, weight)
        case Sym(op="einsum", attrs={"equation": str() as equation, "operands": tuple() as operands}):
            given, _, kept = equation.replace(" ", "").partition("->")
            letters = dict(zip((id(o) for o in operands), given.split(","), strict=False)).get(id(one), "")
            gone = [i for i, letter in enumerate(letters) if letter not in kept]
            others = [o for o in operands if isinstance(o, Sym) and o is not one]
            if len(letters) == len(order) and len(gone) == len(others) == 1 and "->" in equation:
                return Summed(order[gone[0]], user.site, others[0])
    return None
