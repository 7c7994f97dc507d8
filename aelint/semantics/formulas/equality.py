"""Whether two tensors hold the same values because the same was computed twice."""

from __future__ import annotations

from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.domain.values import Sym, Value

__all__ = ["kept", "same_values"]

_REPEATABLE = frozenset(
    {
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "relu",
        "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid", "max_pool2d", "avg_pool2d", "flatten",
        "view", "cat", "identity", "batch_norm", "layer_norm", "group_norm", "mean", "add", "sub", "mul", "truediv",
    }
)  # fmt: skip
"""Operations without memory or chance."""
_DEEPEST = 60


def kept(value: Value) -> Value:
    """The tensor before it was reshaped or taken out of the graph: neither changes a value."""
    return through(value, RESHAPES | {"detach", "data"})


def same_values(first: Value, second: Value, depth: int = 0) -> bool:
    """Whether both certainly hold the same numbers: the same tensor, or the same repeatable steps from it."""
    if first is second:
        return True
    if not isinstance(first, Sym) or not isinstance(second, Sym):
        return type(first) is type(second) and isinstance(first, (int, float, str, bool, tuple)) and first == second
    if depth > _DEEPEST or first.op != second.op or first.op not in _REPEATABLE or first.layer is not second.layer:
        return False
    if len(first.inputs) != len(second.inputs) or not first.inputs:
        return False
    settings = [{k: v for k, v in s.attrs.items() if not isinstance(v, Sym)} for s in (first, second)]
    return repr(settings[0]) == repr(settings[1]) and all(
        same_values(a, b, depth + 1) for a, b in zip(first.inputs, second.inputs, strict=True)
    )
