"""Contractive penalties that are written out, and where they are not the squared norm of the code's Jacobian.

For `h = sigmoid(W x + b)` the Jacobian is `h_j (1 - h_j) W_ji`, and its squared norm the sum over j of `(h_j (1 - h_j))^2` times
the sum over i of `W_ji^2`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source, through, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["Defect", "WrongContraction", "wrong_contractions"]


class Defect(Enum):
    """What keeps the expression from being the norm."""

    SUMMED_FIRST = "summed first"
    NOT_SQUARED = "weights not squared"
    SLOPE_NOT_SQUARED = "slope not squared"
    OTHER_SLOPE = "slope of another activation"


@dataclass(frozen=True, slots=True, eq=False)
class WrongContraction:
    """The part that is wrong; `activation` is what made the code where its slope is another one."""

    site: Site
    defect: Defect
    activation: str = ""


_KEPT = RESHAPES | {"detach"}
_OTHERS = frozenset({"relu", "tanh", "elu", "leaky_relu", "gelu", "silu", "softplus", "selu", "linear"})


def wrong_contractions(program: Program) -> Iterator[WrongContraction]:
    """Products of the slope of a code, `h * (1 - h)`, with sums over the weights, that are no squared Jacobian; each place once."""
    told: set[ast.AST] = set()
    for node in nodes_of(program, "mul", "matmul"):
        if len(node.inputs) != 2:
            continue
        for slope, weights in (node.inputs, node.inputs[::-1]):
            for site, defect, activation in _judged(slope, weights):
                if site is not None and site.node not in told:
                    told.add(site.node)
                    yield WrongContraction(site, defect, activation)


def _judged(slope: Value, weights: Value) -> Iterator[tuple[Site | None, Defect, str]]:
    base, squared = _unsquared(slope)
    code = _sloped(base)
    total, outer = _unsquared(weights)
    if code is None or not isinstance(total, Sym) or total.op != "sum" or not isinstance(base, Sym):
        return
    summed, inner = _unsquared(source(total))
    if not isinstance(summed, Sym) or summed.op != "parameter" or len(summed.shape or (0, 0)) != 2:
        return
    if outer and not inner:
        yield total.site, Defect.SUMMED_FIRST, ""
    elif not outer and not inner and squared:
        yield total.site, Defect.NOT_SQUARED, ""
    elif inner and not outer and not squared:
        yield base.site, Defect.SLOPE_NOT_SQUARED, ""
    made = through(code, RESHAPES)
    if isinstance(made, Sym) and made.op in _OTHERS and squared:
        yield base.site, Defect.OTHER_SLOPE, made.op


def _unsquared(value: Value) -> tuple[Value, bool]:
    """What is squared, and whether it is."""
    value = through(value, _KEPT)
    match value:
        case Sym(op="square"):
            return through(source(value), _KEPT), True
        case Sym(op="pow", attrs={"exponent": exponent}) if to_number(exponent) == 2:
            return through(source(value), _KEPT), True
        case Sym(op="mul", inputs=(first, second)) if first is second:
            return through(first, _KEPT), True
        case _:
            return value, False


def _sloped(value: Value) -> Value:
    """The code in `h * (1 - h)`."""
    match value:
        case Sym(op="mul", inputs=(first, second)):
            for one, rest in ((first, second), (second, first)):
                match rest:
                    case Sym(op="sub" | "rsub", inputs=(left, right)) if to_number(left) == 1 or to_number(right) == 1:
                        inner = right if to_number(left) == 1 else left
                        if through_reshapes(inner) is through_reshapes(one) and isinstance(one, Sym):
                            return one
    return None
