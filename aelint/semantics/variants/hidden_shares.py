"""Random masks that hide the other share of the places than the one that their ratio names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.variants.mask_uses import CARRIERS, hidden_where, mask_uses
from aelint.syntax.names import last_name

__all__ = ["ComplementedShare", "complemented_shares"]

_COMPARED = {"lt": True, "le": True, "gt": False, "ge": False}
"""Whether the first operand is then the smaller one."""
_RATIO = re.compile(
    r"(?=.*mask)(?=.*(ratio|prob|rate|frac|percent|portion))(?!.*(keep|kept|unmask|visible|valid))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class ComplementedShare:
    """The comparison of fresh numbers with a ratio, what the ratio is called, and where the mask is used the other way round."""

    compared: Site
    ratio: str
    used: Site | None


def complemented_shares(program: Program) -> Iterator[ComplementedShare]:
    """Masks of which every use hides the places that the ratio leaves out."""
    users = consumers(program)
    for node in nodes_of(program, *_COMPARED):
        share = _share(node)
        if share is None or node.site is None:
            continue
        ratio, holds = share
        roles = list(_roles(program, node, users))
        if roles and all(hides != holds for hides, _ in roles):
            yield ComplementedShare(node.site, ratio, roles[0][1])


def _share(node: Sym) -> tuple[str, bool] | None:
    """The name of the ratio that uniform numbers are compared with, and whether that share of the comparison holds."""
    written = node.site.node if node.site is not None else None
    if not isinstance(written, ast.Compare) or len(written.comparators) != 1 or len(node.inputs) != 2:
        return None
    smaller = _COMPARED[node.op]
    sides = ((node.inputs[0], written.comparators[0], smaller), (node.inputs[1], written.left, not smaller))
    for uniform, bound, below in sides:
        match bound:
            case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=rest):
                name, holds = last_name(rest), not below
            case _:
                name, holds = last_name(bound), below
        if _RATIO.match(name) and _is_uniform(uniform):
            return name, holds
    return None


def _is_uniform(value: Value) -> bool:
    """Whether numbers spread evenly over [0, 1]: drawn so, or ranks over their count."""
    match value := through(value, CARRIERS):
        case Sym(op="rand"):
            return True
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name in {"numpy.random.rand", "numpy.random.random", "numpy.random.random_sample"}
        case Sym(op="truediv"):
            ranks = through(source(value), RESHAPES)
            order = source(ranks) if isinstance(ranks, Sym) and ranks.op == "argsort" else None
            return isinstance(order, Sym) and order.op == "argsort" and _is_uniform(source(order))
        case _:
            return False


def _roles(program: Program, mask: Sym, users: dict[int, list[Sym]]) -> Iterator[tuple[bool, Site | None]]:
    """For each use that tells: whether the places where the mask holds are the hidden ones."""
    for use in mask_uses(mask, users):
        hides = hidden_where(program, use)
        if hides is not None:
            yield hides == use.straight, use.user.site
