"""Moving averages that are moved away from what they are to follow."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.syntax.walk import every

__all__ = ["fleeing_averages"]


def fleeing_averages(program: Program) -> Iterator[Site]:
    """`average + (1 - decay) * (average - new)`, or the same with both signs turned, in place or not; each place once."""
    told: set[int] = set()
    for node in nodes(program):
        if node.op not in {"add", "sub"} or node.site is None or node.site.unit is not program.unit:
            continue
        average, moved = through_reshapes(node.attrs.get("input")), node.attrs.get("other")
        factors = moved.inputs if isinstance(moved, Sym) and moved.op == "mul" else (moved,)
        flees = any(_is_gap(one, average, ahead=node.op == "add") for one in factors)
        if flees and _has_complement(node, moved) and id(node.site.node) not in told:
            told.add(id(node.site.node))
            yield node.site


def _is_gap(value: Value, average: Value, *, ahead: bool) -> bool:
    """Whether a value is `average - new`, or `new - average` if it is not to say what the average is ahead."""
    match value:
        case Sym(op="sub", attrs={"input": Sym() as left, "other": Sym() as right}):
            kept, new = (left, right) if ahead else (right, left)
            return through_reshapes(kept) is average and through_reshapes(new) is not average
        case _:
            return False


def _has_complement(node: Sym, moved: Value) -> bool:
    """Whether `1 - decay` is written in the step: with another factor, it may be an extrapolation, as momentum is."""
    written = [one.site.node for one in (node, moved) if isinstance(one, Sym) and one.site is not None]
    return any(_is_complement(b) for one in written for b in every(ast.BinOp, one))


def _is_complement(node: ast.BinOp) -> bool:
    match node:
        case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=ast.Name() | ast.Attribute()):
            return True
        case _:
            return False
