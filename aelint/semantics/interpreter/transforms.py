"""torchvision's transforms: the shape and the range of what they make of a picture or a tensor."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeAlias

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import (
    Bound,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Partial,
    Shape,
    Sym,
    Value,
    elements,
)
from aelint.semantics.interpreter import calls
from aelint.semantics.interpreter.datasets import PictureSize, picture_of
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators.api import to_dim, to_number

__all__ = ["PREFIX", "channel_numbers", "parameter", "steps_of", "transform"]

PREFIX = "torchvision.transforms."
_BYTES, _UNIT = Interval(0, 255), Interval(0, 1)


def transform(frame: Frame, step: Value, value: Value, node: ast.AST) -> Value:
    """What `step(value)` gives; a tensor, a picture, or unknown."""
    match step:
        case None:
            return value
        case Object() if (known := _KNOWN.get(step.class_name)) is not None and step.name.startswith(PREFIX):
            return known(frame, step, value, node)
        case Function() | Instance() | Bound() | Partial():
            return calls.call(frame, step, (value,), {}, node)
        case Object() if not step.name.startswith(PREFIX):
            return calls.call(frame, step, (value,), {}, node)
        case _:
            return Sym("call", (value,), {"callee": step}, frame.site(node))


def steps_of(step: Value) -> list[Value] | None:
    """The steps of a `Compose` in order, nested ones spliced in; None if they are not all known."""
    if not (isinstance(step, Object) and step.class_name == "Compose" and step.name.startswith(PREFIX)):
        return [step]
    listed = step.args[0] if step.args else step.kwargs.get("transforms")
    items = elements(listed)
    if items is None or (isinstance(listed, ListValue) and not listed.complete):
        return None
    nested = [steps_of(item) for item in items]
    return None if any(n is None for n in nested) else [one for n in nested if n is not None for one in n]


def parameter(step: Object, name: str, position: int) -> Value:
    """A constructor argument of a transform."""
    return step.args[position] if position < len(step.args) else step.kwargs.get(name)


def channel_numbers(value: Value) -> tuple[float, ...] | None:
    """A number for each channel (`mean`, `std`), None if they are not known."""
    items = (
        list(value)
        if isinstance(value, tuple)
        else value.items
        if isinstance(value, ListValue) and value.complete
        else [value]
    )
    numbers = [to_number(item) for item in items]
    return None if not numbers or any(n is None for n in numbers) else tuple(n for n in numbers if n is not None)


Step: TypeAlias = Callable[[Frame, Object, Value, ast.AST], Value]


def _compose(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    steps = steps_of(step)
    if steps is None:
        return Sym("call", (value,), {"callee": step}, frame.site(node))
    for one in steps:
        value = transform(frame, one, value, node)
    return value


def _made(
    frame: Frame, step: Object, op: str, value: Value, node: ast.AST, shape: Shape | None, bounds: Interval
) -> Sym:
    made = Sym(op, (value,), {"transform": step}, frame.site(node), shape, (), bounds, "float", tensor=True)
    made.name = value.name if isinstance(value, Sym) else ""
    return made


def _to_tensor(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    size = picture_of(value)
    if size is None:
        # An array of floats keeps its values, one of bytes is divided by 255.
        return _made(frame, step, "to_tensor", value, node, None, ANY)
    return _made(frame, step, "to_tensor", value, node, _shape(size, value), _UNIT)


def _to_image(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    size = picture_of(value)
    if size is None:
        return _made(frame, step, "to_image", value, node, None, ANY)
    made = _made(frame, step, "to_image", value, node, _shape(size, value), _BYTES)
    made.kind = "int"
    return made


def _to_dtype(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    scales = step.class_name == "ConvertImageDtype" or parameter(step, "scale", 1) is True
    dtype = parameter(step, "dtype", 0)
    if not isinstance(value, Sym) or not (isinstance(dtype, External) and "float" in dtype.name):
        return Sym("call", (value,), {"callee": step}, frame.site(node))
    bounds = _UNIT if scales and value.kind == "int" else value.range
    return _made(frame, step, "to_dtype", value, node, value.shape, bounds)


def _normalize(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    mean, std = channel_numbers(parameter(step, "mean", 0)), channel_numbers(parameter(step, "std", 1))
    if not isinstance(value, Sym):
        return Sym("call", (value,), {"callee": step}, frame.site(node))
    bounds = ANY
    if (
        mean
        and std
        and value.range.bounded
        and all(s != 0 for s in std)
        and 1 in {len(mean), len(std), len(mean) // len(std)}
    ):
        count = max(len(mean), len(std))
        pairs = zip((mean * count)[:count], (std * count)[:count], strict=True)
        ends = [((value.range.low - m) / s, (value.range.high - m) / s) for m, s in pairs]
        bounds = Interval(min(min(e) for e in ends), max(max(e) for e in ends))
    return _made(frame, step, "normalize_channels", value, node, value.shape, bounds)


def _sized(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    """Resizing and cropping: the two last sizes are set."""
    wanted = parameter(step, "size", 0)
    size = picture_of(value)
    if size is not None:
        height, width = _two_sizes(step, wanted, size.height, size.width)
        return _picture(frame, value, PictureSize(size.channels, height, width), node)
    if isinstance(value, Sym) and value.shape is not None and len(value.shape) >= 2:
        height, width = _two_sizes(step, wanted, *(d if isinstance(d, int) else None for d in value.shape[-2:]))
        shape = (*value.shape[:-2], _dim(height, value, "height"), _dim(width, value, "width"))
        return _made(frame, step, "resize", value, node, shape, value.range)
    return _keep(frame, step, value, node)


def _two_sizes(step: Object, wanted: Value, height: int | None, width: int | None) -> tuple[int | None, int | None]:
    given = elements(wanted)
    sizes = [d if isinstance(d := to_dim(i), int) else None for i in (given if given is not None else [wanted])]
    if len(sizes) == 2:
        return sizes[0], sizes[1]
    if len(sizes) != 1 or sizes[0] is None:
        return None, None
    if step.class_name != "Resize" or (height is not None and height == width):
        return sizes[0], sizes[0]
    # One number is the shorter side of a picture that is no square.
    return None, None


def _gray(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    channels = to_dim(step.kwargs.get("num_output_channels", step.args[0] if step.args else 1))
    size = picture_of(value)
    if size is not None:
        return _picture(
            frame, value, PictureSize(channels if isinstance(channels, int) else None, size.height, size.width), node
        )
    if isinstance(value, Sym) and value.shape and channels is not None:
        return _made(
            frame, step, "grayscale", value, node, (*value.shape[:-3], channels, *value.shape[-2:]), value.range
        )
    return _keep(frame, step, value, node)


def _keep(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    """Shape and range stay, though not the content."""
    size = picture_of(value)
    if size is not None:
        return _picture(frame, value, size, node)
    if isinstance(value, Sym) and value.tensor:
        return _made(frame, step, "augment", value, node, value.shape, value.range)
    return Sym("call", (value,), {"callee": step}, frame.site(node))


def _filled(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    """As before, with some places set to zero."""
    kept = _keep(frame, step, value, node)
    if isinstance(kept, Sym) and kept.tensor and kept.range.bounded:
        kept.range = kept.range.hull(Interval(0, 0))
    return kept


def _lambda(frame: Frame, step: Object, value: Value, node: ast.AST) -> Value:
    function = parameter(step, "lambd", 0)
    place = step.site.node if step.site is not None and step.site.unit is frame.unit else node
    return calls.call(frame, function, (value,), {}, place)


def _picture(frame: Frame, value: Value, size: PictureSize, node: ast.AST) -> Sym:
    made = Sym("picture", (value,), {"size": size}, frame.site(node), range=_BYTES, kind="object", tensor=False)
    made.name = value.name if isinstance(value, Sym) else ""
    return made


def _shape(size: PictureSize, value: Value) -> Shape:
    named = (("channels", size.channels), ("height", size.height), ("width", size.width))
    return tuple(_dim(number, value, name) for name, number in named)


def _dim(number: int | None, value: Value, name: str) -> Dim:
    return number if number is not None else dims.atom((name, getattr(value, "id", id(value))), name)


_KNOWN: dict[str, Step] = {
    "Compose": _compose,
    "ToTensor": _to_tensor,
    "ToImage": _to_image,
    "PILToTensor": _to_image,
    "ToDtype": _to_dtype,
    "ConvertImageDtype": _to_dtype,
    "Normalize": _normalize,
    **dict.fromkeys(("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop"), _sized),
    "Grayscale": _gray,
    **dict.fromkeys(
        [
            "RandomHorizontalFlip",
            "RandomVerticalFlip",
            "ColorJitter",
            "GaussianBlur",
            "RandomGrayscale",
            "RandomInvert",
            "RandomAutocontrast",
            "RandomAdjustSharpness",
        ],
        _keep,
    ),
    **dict.fromkeys(("RandomRotation", "RandomAffine", "RandomPerspective", "RandomErasing"), _filled),
    "Lambda": _lambda,
}
