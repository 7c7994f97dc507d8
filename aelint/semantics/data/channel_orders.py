"""Pictures that OpenCV reads, blue first, and that are normalised channel by channel without having been turned round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.interpreter.joins import alternatives

__all__ = ["BlueFirst", "blue_first"]

_READERS = frozenset({"cv2.imread", "cv2.imdecode"})
_IN_COLOUR = frozenset({"cv2.IMREAD_COLOR", "cv2.IMREAD_COLOR_BGR"})
_KEEPING = RESHAPES | {"to_tensor", "to_image", "to_dtype", "from_numpy", "tensor", "truediv", "resize", "clone"}
_KEEPING_CALLS = frozenset({"cv2.resize", "PIL.Image.fromarray", "numpy.ascontiguousarray", "numpy.float32"})
_KEEPING_METHODS = frozenset({"astype", "copy"})


@dataclass(frozen=True, slots=True, eq=False)
class BlueFirst:
    """Where a picture is read with blue first, where it is normalised as it is, and by which transform."""

    read: Sym
    normalised: Sym
    transform: Object


def blue_first(program: Program) -> Iterator[BlueFirst]:
    """Normalisations of a picture as OpenCV read it, on every path."""
    for node in nodes_of(program, "normalize_channels"):
        step = node.attrs.get("transform")
        if not isinstance(step, Object) or not node.inputs:
            continue
        sources = [_source(one) for one in alternatives(node.inputs[0])]
        read = sources[0]
        if read is not None and None not in sources:
            yield BlueFirst(read, node, step)


def _source(value: Value) -> Sym | None:
    """The call that read a picture, behind what leaves the order of its channels; None where something may have changed it."""
    for _ in range(20):
        match value:
            case Sym(op="call", attrs={"callee": External(name=name)}) if name in _READERS:
                return value if _is_in_colour(value) else None
            case Sym(op="call", attrs={"callee": External(name=name)}) if name in _KEEPING_CALLS:
                pass
            case Sym(op="call", attrs={"method": name}) if name in _KEEPING_METHODS:
                pass
            case Sym(op=op) if op in _KEEPING:
                pass
            case _:
                return None
        value = value.inputs[0] if isinstance(value, Sym) and value.inputs else None
    return None


def _is_in_colour(read: Sym) -> bool:
    """Whether it reads three channels, blue first, which it does unless told otherwise."""
    args, kwargs = read.attrs.get("args", ()), read.attrs.get("kwargs", {})
    flag = args[1] if len(args) > 1 else kwargs.get("flags", 1)
    return flag == 1 or (isinstance(flag, External) and flag.name in _IN_COLOUR)
