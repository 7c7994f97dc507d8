"""Losses that leave out what a random mask hides, and count what it leaves in sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number
from aelint.semantics.operators.random import DRAWN
from aelint.semantics.variants.mask_uses import CARRIERS, MaskUse, covered_where, mask_uses

__all__ = ["VisibleLoss", "is_error", "visible_losses"]

_MASKS = frozenset({"lt", "le", "gt", "ge", "and", "or", "bernoulli", "setitem", "scatter", "gather"})


@dataclass(frozen=True, slots=True, eq=False)
class VisibleLoss:
    """Where the error is masked, and where a learned token takes the other places."""

    masked: Site
    hidden: Site


def visible_losses(program: Program) -> Iterator[VisibleLoss]:
    """Errors that count only where the mask leaves the data in sight, in networks whose tokens stand for what it hides.

    Zeros may stand for values that are missing, which no loss can count; a learned token is there to be predicted at.
    """
    users = consumers(program)
    for mask in _drawn_masks(program):
        uses = list(mask_uses(mask, users))
        hidden = [
            (use.user, holds == use.straight) for use in uses if (holds := covered_where(use, _is_learned)) is not None
        ]
        scored = [(use.user, holds == use.straight) for use in uses if (holds := _error_where(use)) is not None]
        if any(covered == counted for _, covered in hidden for _, counted in scored):
            continue  # what is hidden counts, too
        for error, _ in scored:
            behind = {a.id for a in ancestors(error)}
            token = next((node for node, _ in hidden if node.id in behind), None)
            if token is not None and error.site is not None and token.site is not None:
                yield VisibleLoss(error.site, token.site)


def _drawn_masks(program: Program) -> Iterator[Sym]:
    drawn: set[int] = set()
    for node in nodes(program):  # each behind what it was computed from
        if node.op in DRAWN or any(isinstance(i, Sym) and i.id in drawn for i in node.inputs):
            drawn.add(node.id)
            if node.op in _MASKS:
                yield node


def _is_learned(value: Value) -> bool:
    token = through(value, CARRIERS)
    return isinstance(token, Sym) and token.op == "parameter"


def _error_where(use: MaskUse) -> bool | None:
    """Whether the error counts where the mask holds, or where it does not; None if the mask is used for something else."""
    match use.user:
        case Sym(op="masked_fill", attrs={"value": value}, inputs=(error, *_)) if to_number(value) == 0:
            return False if is_error(error) else None
        case Sym(op="where", inputs=(condition, *_), attrs={"input": first, "other": second}) if condition is use.mask:
            counted = is_error(first), is_error(second)
            return counted[0] if counted[0] != counted[1] else None
        case Sym(op="getitem", attrs={"index": index}, inputs=(error, *_)) if index is use.mask:
            return True if is_error(error) else None
        case Sym(op="mul", inputs=(first, second)):
            return True if is_error(second if first is use.mask else first) else None
        case _:
            return None


def is_error(value: Value) -> bool:
    """A difference, squared or absolute, perhaps averaged over the pixels of a patch."""
    match through(value, RESHAPES | {"mean", "sum"}):
        case Sym(op="pow" | "square" | "abs", attrs={"input": Sym(op="sub")}):
            return True
        case Sym(op="mse_loss" | "l1_loss" | "smooth_l1_loss"):
            return True
        case _:
            return False
