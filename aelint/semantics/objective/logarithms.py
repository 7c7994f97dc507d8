"""Logarithms of what a network gives, where that may be negative: of probabilities that are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import ONE, Leaf
from aelint.semantics.formulas.projections import is_projection

__all__ = ["AFFINE", "UndefinedLogarithm", "undefined_logarithms"]

AFFINE = frozenset(
    {
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "batch_norm", "layer_norm", "group_norm", "instance_norm",
    }
)  # fmt: skip
"""Layers that give values of either sign, and of any size."""
_ACTIVATIONS = frozenset({"tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "prelu"})
_SHIFTS = RESHAPES | {"add", "sub", "neg"}
"""What leaves an output that is no probability as it is; a clamp does not."""
_GUARDS = frozenset({"where", "nan_to_num", "masked_fill", "isnan", "isfinite"})
EPSILON = 0.011
"""What is added to a probability at most, so that its logarithm stays finite."""


@dataclass(frozen=True, slots=True, eq=False)
class UndefinedLogarithm:
    """`log(y)` or `log(1 - y)` of an output y that is no probability; `complement` for the second."""

    call: Call
    output: Sym
    complement: bool


def undefined_logarithms(program: Program) -> Iterator[UndefinedLogarithm]:
    """Logarithms, small constants aside, of the output of an activation that leaves their domain, or of a plain layer's."""
    found = [one for call in program.calls_to("log", "log2", "log10") if (one := _taken(program, call)) is not None]
    of_rest = {one.output.id for one in found if one.complement}
    for one in found:
        if one.output.op in _ACTIVATIONS:
            if _leaves_domain(one):
                yield one
        elif not one.complement and one.output.id in of_rest:
            # A plain output may be kept positive by its weights; next to `log(1 - y)` it is taken for a probability.
            yield one


def _taken(program: Program, call: Call) -> UndefinedLogarithm | None:
    result = call.result
    if call.context.speculative or not isinstance(result, Sym):
        return None
    if any(user.op in _GUARDS for user in consumers(program).get(result.id, ())):
        return None
    argument = call.bound.get("input")
    output, complement = _probability(algebra_of(program), argument)
    if not isinstance(output, Sym) or any(a.op not in _SHIFTS for a in _between(argument, output)):
        return None
    made = source(output) if output.op in _ACTIVATIONS else output
    made = through_reshapes(made)
    learned = isinstance(made, Sym) and ((made.op in AFFINE and made.layer is not None) or is_projection(made))
    return UndefinedLogarithm(call, output, complement) if learned else None


def _between(argument: Value, output: Sym) -> Iterator[Sym]:
    """What was done to the output before the logarithm was taken."""
    return (a for a in ancestors(argument, stop=frozenset({output.op})) if a.op != output.op)


def _probability(algebra: Algebra, argument: Value) -> tuple[Value, bool]:
    """The `y` in `y`, `y + eps`, `1 - y` or `1 - y + eps`, and whether it is subtracted; None where it is another sum."""
    form = dict(algebra.form(argument) or {})
    constant = form.pop(ONE, 0.0)
    match [(list(product), factor) for product, factor in form.items()]:
        case [([(Leaf(key=Sym() as leaf), 1.0)], 1.0)] if abs(constant) <= EPSILON:
            return through_reshapes(leaf), False
        case [([(Leaf(key=Sym() as leaf), 1.0)], -1.0)] if abs(constant - 1) <= EPSILON:
            return through_reshapes(leaf), True
        case _:
            return None, False


def _leaves_domain(one: UndefinedLogarithm) -> bool:
    beyond = one.output.range.high - 1 if one.complement else -one.output.range.low
    return beyond > EPSILON
