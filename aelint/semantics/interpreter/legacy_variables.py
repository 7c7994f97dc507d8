"""`Variable(x)`, which old programs put around every tensor: since torch 0.4 it gives the same numbers without their graph.

Source: `torch.autograd.Variable` in torch/csrc/autograd/python_legacy_variable.cpp, which detaches what it is given.
"""

from __future__ import annotations

import ast

from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.apply import apply_operation
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators import REGISTRY

__all__ = ["variable"]

_LOOKED_AT = 200
"""How many values behind one are looked at before it counts as computed by a network."""


def variable(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """The tensor itself where nothing could send a gradient through it; else its detached copy, or the leaf that is asked for."""
    data = args[0] if args else kwargs.get("data")
    if not isinstance(data, Sym):
        return data if data is not None else frame.unknown("call", node=node)
    match kwargs.get("requires_grad", args[1] if len(args) > 1 else False):
        case False if not _is_learned(data):
            return data
        case False:
            operation = REGISTRY.methods["detach"]
        case _:
            operation = REGISTRY.methods["requires_grad"]
    return apply_operation(frame, operation, (data,), {}, node)[0]


def _is_learned(value: Sym) -> bool:
    """Whether a layer or a parameter stands behind a value."""
    pending, seen = [value], {value.id}
    for one in pending:  # grows while it is read
        if one.op == "parameter" or one.layer is not None or len(pending) > _LOOKED_AT:
            return True
        fresh = [i for i in one.inputs if isinstance(i, Sym) and i.op != "detach" and i.id not in seen]
        seen.update(i.id for i in fresh)
        pending.extend(fresh)
    return False
