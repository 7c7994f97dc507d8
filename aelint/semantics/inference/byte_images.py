"""Images of unsigned bytes, whose differences are taken modulo 256: 3 - 5 is 254."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Sym, Value

__all__ = ["WrappedDifference", "wrapped_differences"]

_READERS = frozenset(
    {"cv2.imread", "cv2.imdecode", "skimage.io.imread", "imageio.imread", "imageio.v2.imread", "imageio.v3.imread"}
)
_OPENED = frozenset({"PIL.Image.open"})
_COPIED = frozenset({"numpy.array", "numpy.asarray", "numpy.ascontiguousarray", "numpy.copy"})
_KEPT = (RESHAPES - {"to", "float", "double", "half"}) | {
    "getitem", "item", "element", "batch", "numpy", "detach", "flip", "t", "copy",
}  # fmt: skip
_KEPT_BY_METHOD = frozenset(
    {"copy", "reshape", "transpose", "convert", "resize", "crop", "squeeze", "ravel", "flatten"}
)
_KEPT_BY_CALL = frozenset(
    {"cv2.cvtColor", "cv2.resize", "cv2.flip", "numpy.squeeze", "numpy.expand_dims", "numpy.flip"}
)
_LARGEST = 255
_TESTS = frozenset({"gt", "lt", "ge", "le", "eq", "ne"})


@dataclass(frozen=True, slots=True, eq=False)
class WrappedDifference:
    """A difference of bytes, where both sides became bytes, and the operation that takes it for a distance."""

    site: Site
    made: tuple[Site, ...]
    used: str


def wrapped_differences(program: Program) -> Iterator[WrappedDifference]:
    """Squares and absolute values of differences of two images of bytes."""
    for node in nodes_of(program, "abs", "square", "pow", "mul", "call"):
        used = _distance(node)
        inner = node.inputs[0] if used and node.inputs else None
        if not isinstance(inner, Sym) or inner.op != "sub" or len(inner.inputs) != 2 or inner.site is None:
            continue
        sides = [_made_bytes(side) for side in inner.inputs]
        if all(side is not None for side in sides):
            yield WrappedDifference(
                inner.site, tuple(s.site for s in sides if s is not None and s.site is not None), used
            )


def _distance(node: Sym) -> str:
    match node:
        case Sym(op="abs"):
            return "absolute value"
        case Sym(op="square"):
            return "square"
        case Sym(op="pow", attrs={"exponent": 2}) | Sym(op="pow", inputs=(_, 2)):
            return "square"
        case Sym(op="mul", inputs=(a, b)) if a is b:
            return "square"
        case Sym(op="call", attrs={"callee": External(name="numpy.linalg.norm")}):
            return "norm"
        case _:
            return ""


def _made_bytes(value: Value) -> Sym | None:
    """Where an image of values up to 255 became unsigned bytes; None for what is something else, or of unknown kind."""
    for _ in range(20):
        if not isinstance(value, Sym) or not value.inputs:
            return None
        callee = value.attrs.get("callee")
        name = callee.name if isinstance(callee, External) else ""
        if name in _READERS:
            return value
        if _is_cast(value, name):
            return value if _is_scaled(value.inputs[0]) else None
        if name in _COPIED and "dtype" not in _keywords(value):
            opened = value.inputs[0]
            if _is_opened(opened):
                return value
        elif not (value.op in _KEPT or name in _KEPT_BY_CALL or value.attrs.get("method") in _KEPT_BY_METHOD):
            return None
        value = value.inputs[0]
    return None


def _keywords(value: Sym) -> dict[str, Value]:
    found = value.attrs.get("kwargs")
    return found if isinstance(found, dict) else {}


def _is_cast(value: Sym, name: str) -> bool:
    """Whether the value is made of bytes here: `astype`, `numpy.uint8(...)`, `.to(torch.uint8)`, `.byte()`."""
    if name == "numpy.uint8" or value.op == "byte" or value.attrs.get("method") == "byte":
        return True
    is_cast = value.attrs.get("method") == "astype" or value.op == "to" or "dtype" in _keywords(value)
    return is_cast and any(_is_bytes(v) for v in (*value.inputs, *value.attrs.values(), *_keywords(value).values()))


def _is_bytes(kind: Value) -> bool:
    if isinstance(kind, tuple):
        return any(_is_bytes(one) for one in kind)
    return kind == "uint8" or (isinstance(kind, External) and kind.name in {"numpy.uint8", "torch.uint8"})


def _is_scaled(value: Value) -> bool:
    """Whether the values were multiplied by 255, cut off there, or read from an image: of 0 and 1 the squares are right."""
    return any(
        _LARGEST in (*one.inputs, *(v for v in one.attrs.values() if isinstance(v, (int, float))))
        or (isinstance(c := one.attrs.get("callee"), External) and c.name in _READERS | _OPENED)
        for one in ancestors(value, _TESTS)
        if one.op in {"mul", "clamp", "call"}
    )


def _is_opened(value: Value) -> bool:
    """Whether the value is an image that Pillow opened, possibly converted or resized."""
    while isinstance(value, Sym) and value.attrs.get("method") in _KEPT_BY_METHOD and value.inputs:
        if any(mode in value.inputs for mode in ("F", "I", "1")):
            return False
        value = value.inputs[0]
    callee = value.attrs.get("callee") if isinstance(value, Sym) else None
    return isinstance(callee, External) and callee.name in _OPENED
