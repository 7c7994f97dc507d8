"""Moving averages that are moved away from what they are to follow."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.syntax.walk import every

__all__ = ["fleeing_averages"]


def fleeing_averages(program: Program) -> Iterator[Site]:
    """`average + (1 - decay) * (average - new)`, or the same with both signs turned, in place or not."""
    for node in nodes_of(program, "add", "sub"):
        match node:
            case Sym(
                op="add" | "sub" as op,
                attrs={"input": average, "other": Sym(site=Site() as step) as moved},
                site=Site() as site,
            ):
                factors = moved.inputs if moved.op == "mul" else (moved,)
                flees = any(_is_gap(one, through_reshapes(average), ahead=op == "add") for one in factors)
                if flees and (_has_complement(site) or _has_complement(step)):
                    yield site
            case _:
                pass


def _is_gap(value: Value, average: Value, *, ahead: bool) -> bool:
    """Whether a value is `average - new`, or `new - average` if it is not to say what the average is ahead."""
    match value:
        case Sym(op="sub", attrs={"input": Sym() as left, "other": Sym() as right}):
            return through_reshapes(left if ahead else right) is average
        case _:
            return False


def _has_complement(step: Site) -> bool:
    """Whether `1 - decay` is written in the step: with another factor, it may be an extrapolation, as momentum is."""
    return any(_is_complement(one) for one in every(ast.BinOp, step.node))


def _is_complement(node: ast.BinOp) -> bool:
    match node:
        case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=ast.Name() | ast.Attribute()):
            return True
        case _:
            return False
