"""Values in words: shapes, ranges and layers as a person would write them."""

from __future__ import annotations

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import DictValue, External, Instance, ListValue, Object, Shape, Sym, Value

__all__ = ["describe", "describe_layer", "describe_range", "describe_shape"]


def describe_shape(shape: Shape | None, last: Shape = ()) -> str:
    """`(B, 64, 7, 7)`; `(..., 400)` where only the last axes are known; "" where nothing is."""
    if shape is not None:
        inner = ", ".join(_dim(d) for d in shape)
        return f"({inner},)" if len(shape) == 1 else f"({inner})"
    return f"(..., {', '.join(_dim(d) for d in last)})" if last else ""


def _dim(dim: Dim) -> str:
    text = str(dim)
    # The number of samples is called B, as everybody does, unless it is part of a larger expression.
    return "B" if not isinstance(dim, int) and dim.has_batch and "*" not in text and "+" not in text else text


def describe_range(interval: Interval) -> str:
    """`[0, 1]`; "" where it is unknown."""
    return "" if interval.unknown else str(interval)


def describe_layer(layer: Object | Instance) -> str:
    """`Linear(784, 400)`: the class and the arguments that were written."""
    if isinstance(layer, Instance):
        return layer.cls.name
    args = [describe(a) for a in layer.args if not isinstance(a, (Object, Instance, ListValue, DictValue))]
    args += [f"{k}={describe(v)}" for k, v in layer.kwargs.items()]
    name = layer.class_name
    return name if layer.children is not None else f"{name}({', '.join(args)})"


def describe(value: Value) -> str:
    """A value in a few words."""
    match value:
        case Sym():
            parts = [describe_shape(value.shape, value.last), describe_range(value.range)]
            return " in ".join(p for p in parts if p) or ("tensor" if value.tensor else "?")
        case Object() | Instance():
            return describe_layer(value)
        case tuple():
            return f"({', '.join(describe(v) for v in value)})"
        case ListValue():
            more = "" if value.complete else ", ..."
            return f"[{', '.join(describe(v) for v in value.items)}{more}]"
        case DictValue():
            return "{" + ", ".join(f"{k!r}: {describe(v)}" for k, v in value.items.items()) + "}"
        case External():
            return value.name
        case str():
            return repr(value)
        case None | bool() | int() | float():
            return str(value)
        case _:
            return str(value) if type(value).__name__ == "Poly" else type(value).__name__.lower()
