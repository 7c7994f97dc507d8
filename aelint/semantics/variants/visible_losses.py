"""Losses that leave out what a random mask hides, and count what it leaves in sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Activation
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.objective.comparisons import comparisons
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.operators.api import to_number
from aelint.semantics.operators.random import DRAWN
from aelint.semantics.variants.mask_uses import CARRIERS, MaskUse, covered_where, hidden_where, mask_uses

__all__ = ["VisibleLoss", "is_error", "visible_losses"]

_MASKS = frozenset({"lt", "le", "gt", "ge", "and", "or", "bernoulli", "setitem", "scatter", "gather"})


@dataclass(frozen=True, slots=True, eq=False)
class VisibleLoss:
    """Where the error is masked, and where a learned token takes the other places."""

    masked: Site
    hidden: Site


def visible_losses(program: Program) -> Iterator[VisibleLoss]:
    """Errors that count only where the mask leaves the data in sight, in networks that are there to predict what it hides.

    A learned token is there to be predicted at. Zeros may stand for values that are missing, which no loss can count,
    unless the network itself draws anew in each pass what they take the place of.
    """
    users = consumers(program)
    for mask in _drawn_masks(program):
        uses = list(mask_uses(mask, users))
        scored = [one for use in uses for one in _errors_where(use, users)]
        hidden = _hidden(program, mask, uses) if scored else []
        if any(covered == counted for _, covered in hidden for _, counted in scored) or _all_count(program, hidden):
            continue  # what is hidden counts, too
        for error, _ in scored:
            behind = {a.id for a in ancestors(error)}
            token = next((node for node, _ in hidden if node.id in behind), None)
            if token is not None and error.site is not None and token.site is not None:
                yield VisibleLoss(error.site, token.site)


def _all_count(program: Program, hidden: list[tuple[Sym, bool]]) -> bool:
    """Whether another loss takes all places of the prediction together."""
    behind = {node.id for node, _ in hidden}
    whole = (c for c in comparisons(program) if hidden and c.reduction in {"mean", "sum"} and not _is_picked(c.first))
    return any(one.id in behind for c in whole for one in ancestors(c.node))


def _hidden(program: Program, mask: Sym, uses: list[MaskUse]) -> list[tuple[Sym, bool]]:
    """What hides places of the data, and whether these are the ones where the mask holds."""
    tokens = [(u.user, holds == u.straight) for u in uses if (holds := covered_where(u, _is_learned)) is not None]
    if tokens:
        return tokens
    zeros = [(u.user, holds == u.straight) for u in uses if (holds := hidden_where(program, u)) is not None]
    return zeros if zeros and _is_drawn_by_network(program, mask) else []


def _is_drawn_by_network(program: Program, mask: Sym) -> bool:
    """Whether the numbers that the mask is made of are drawn while a network runs."""
    drawn = {one.id for one in ancestors(mask) if one.op in DRAWN}
    return any(
        isinstance(call.result, Sym) and call.result.id in drawn and any(_runs_network(a) for a in call.context.stack)
        for call in program.calls
    )


def _runs_network(running: Activation) -> bool:
    return isinstance(running.receiver, Instance) and is_network(running.receiver.cls)


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


def _errors_where(use: MaskUse, users: dict[int, list[Sym]]) -> Iterator[tuple[Sym, bool]]:
    """Errors that are masked, each with whether it counts at the places where the first mask holds."""
    counted = _error_where(use)
    if counted is not None:
        yield use.user, counted == use.straight
    elif _is_picked(use.user) and use.user.attrs["index"] is use.mask:
        for error in users.get(use.user.id, ()):
            if error.op in LOSSES | {"sub"} and all(
                _is_picked(side) and side.attrs["index"] is use.mask for side in error.inputs[:2]
            ):
                yield error, use.straight


def _is_picked(value: Value) -> TypeGuard[Sym]:
    """Whether a value is what a tensor holds at the places of a mask: `x[mask]`."""
    return isinstance(value, Sym) and value.op == "getitem" and isinstance(value.attrs.get("index"), Sym)


def _error_where(use: MaskUse) -> bool | None:
    """Whether the error counts where the mask holds, or where it does not; None if the mask is used for something else."""
    match use.user:
        case Sym(op="masked_fill", attrs={"value": value}, inputs=(error, *_)) if to_number(value) == 0:
            return False if is_error(error) else None
        case Sym(op="where", inputs=(condition, *_), attrs={"input": first, "other": second}) if condition is use.mask:
            counted = is_error(first), is_error(second)
            return counted[0] if counted[0] != counted[1] else None
        case Sym(op="getitem", attrs={"index": index}, inputs=(error, *_)) if index is use.mask:
            return True if is_error(error) or error.op == "sub" else None
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
