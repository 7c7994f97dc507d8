"""Where gradients are computed: `loss.backward()` and Lightning's `self.manual_backward(loss)`."""

from __future__ import annotations

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Value

__all__ = ["backward_passes", "differentiated"]


@per_program
def backward_passes(program: Program) -> list[Call]:
    """The calls that start a backward pass, in order."""
    return program.method_calls("backward", "manual_backward")


def differentiated(backward: Call) -> Value:
    """The loss of a backward pass; of old, it came before an optimizer: `self.manual_backward(loss, optimizer)`."""
    return backward.args[0] if backward.method == "manual_backward" and backward.args else backward.receiver
