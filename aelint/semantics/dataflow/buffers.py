"""The tensors that networks register as buffers: what they keep and no optimiser moves."""

from __future__ import annotations

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym

__all__ = ["registered_buffers"]


@per_program
def registered_buffers(program: Program) -> dict[int, Call]:
    """The call that registers each buffer, `self.register_buffer(name, tensor)`, by the tensor's id."""
    calls = (c for c in program.method_calls("register_buffer") if len(c.args) > 1)
    return {c.args[1].id: c for c in calls if isinstance(c.args[0], str) and isinstance(c.args[1], Sym)}
