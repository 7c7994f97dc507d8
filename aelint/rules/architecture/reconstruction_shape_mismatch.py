"""The reconstruction has another size than what it is compared with.

## What it does

Follows the data through the network and compares the shape of the prediction with the shape of its
target in a loss or a difference, axis by axis. A target that lies on its side, `x.view(784, -1)`, is found for any batch size.
Of data whose size nothing in sight gives, the first layer tells the channels or features: what goes into `Conv2d(3, ...)` has 3.

## Why is this bad?

A transposed convolution gives `(n - 1) * stride - 2 * padding + kernel_size + output_padding`. One wrong
number makes 27 of 28, and the loss raises, or broadcasts where a size is 1.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder = nn.Conv2d(1, 8, 3, stride=2, padding=1)
decoder = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1)

x = torch.rand(16, 1, 28, 28)
loss = F.mse_loss(decoder(encoder(x)), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder = nn.Conv2d(1, 8, 3, stride=2, padding=1)
decoder = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1)

x = torch.rand(16, 1, 28, 28)
loss = F.mse_loss(decoder(encoder(x)), x)
```

## Known limits

The target must be data of known size, and the prediction must be computed from it. Another number of
axes is left to the rule about broadcasting losses.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.asked_shapes import asked_shape
from aelint.semantics.architecture.contradictions import last_layer
from aelint.semantics.architecture.multiplied_samples import MultipliedSamples, multiplied_samples
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.domain.dims import Dim, product
from aelint.semantics.domain.values import Instance, Object, Shape, Sym, Value
from aelint.semantics.explanation.wording import layer_title, place, shape_text, size_text
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.semantics.operators.api import to_dim
from aelint.semantics.operators.axes import differ
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL105",
    name="reconstruction-shape-mismatch",
    summary="the reconstruction has another size than its target",
    severity=Severity.ERROR,
    triggers=(("loss", "**", "pow", "abs"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each comparison of a reconstruction of the wrong size, at the layer where the sizes part."""
    for comparison in comparisons(program):
        prediction, target = comparison.prediction, comparison.target
        if prediction is None or target is None:
            continue
        if not prediction.shape:
            yield from _by_features(program, comparison, prediction, target)
            continue
        wanted = target.shape or asked_shape(program, target, len(prediction.shape))
        if not wanted:
            continue
        if _is_turned(prediction.shape, wanted):
            yield _turned(comparison, target, prediction.shape)
            continue
        axis = _wrong_axis(prediction.shape, wanted)
        if axis is None or not _is_reconstruction(prediction, target) or _is_completed(program, comparison):
            continue
        if _is_each_with_each(prediction.shape, wanted):
            continue
        if target.shape and _where_sizes_part(prediction, axis) is None and _stretches_one(prediction.shape, wanted):
            continue  # one is stretched over the other: the rule about broadcasting losses says so, at the same place
        parted = multiplied_samples(program, prediction, target) if axis == 0 else None
        yield _multiplied(comparison, parted) if parted else _finding(program, comparison, prediction, wanted, axis)


def _by_features(program: Program, comparison: Comparison, prediction: Sym, target: Sym) -> Iterator[Finding]:
    """A reconstruction of rows, of whatever rank, with another number of features than the first layer takes."""
    layer, asked = last_layer(prediction), asked_shape(program, target, 1)
    if not asked or not prediction.last or layer is None or layer.site is None or _is_completed(program, comparison):
        return
    size = to_dim(layer.bound.get("out_features"))
    if size == prediction.last[-1] and differ(size, asked[0]) and _is_reconstruction(prediction, target):
        message = (
            f"{layer_title(program, layer)} gives the reconstruction {size_text(size)} features, but it is compared with "
            f"what went into the encoder ({place(comparison.site, layer.site)}), which has {size_text(asked[0])}. Give it as many"
        )
        yield Finding(layer.site, message, (Note(comparison.site, "compared here"),))


def _multiplied(comparison: Comparison, parted: MultipliedSamples) -> Finding:
    (samples, *features), (rows, *row) = parted.before, parted.behind
    message = (
        f"this reshapes {shape_text(parted.before)} to {shape_text(parted.behind)}: a sample has {size_text(product(features))} elements and a "
        f"row {size_text(product(row))}, so that there are {size_text(rows)} rows, and what is made of them is compared with {size_text(samples)} "
        f"samples ({place(comparison.site, parted.site)}). Use `flatten(1)`, and build the layers behind it for its size"
    )
    return Finding(parted.site, message, (Note(comparison.site, "compared here"),))


def _is_turned(shape: Shape, wanted: Shape) -> bool:
    """Whether one of two matrices lies on its side, whatever the batch size: `x.view(784, -1)`."""
    return len(shape) == 2 and shape == wanted[::-1] and shape[0] != shape[1]


def _turned(comparison: Comparison, target: Sym, shape: Shape) -> Finding:
    reshaped = target if target.op == "view" and target.site is not None else comparison.node
    site = reshaped.site or comparison.site
    message = (
        f"the reconstruction has the shape {shape_text(shape)} and is compared with {shape_text(shape[::-1])} "
        f"({place(comparison.site, site)}): samples and features have changed places. Exchange the two sizes"
    )
    return Finding(site, message, (Note(comparison.site, "compared here"),))


def _is_completed(program: Program, comparison: Comparison) -> bool:
    """Whether the sizes are defaults of a network that is built with further arguments: `def base(**kwargs): return MAE(**kwargs)`."""
    own = {n.cls.name for n in program.networks if n.symbolic and comparison.site.lies_in(_place_of(n))}
    return any(
        any(k.arg is None for k in call.keywords) and isinstance(call.func, ast.Name) and call.func.id in own
        for unit in (program.files if own else ())
        for call in every(ast.Call, unit.tree)
    )


def _place_of(network: Instance) -> Site:
    return Site(network.cls.module.unit, network.cls.node)


def _wrong_axis(shape: Shape, wanted: Shape) -> int | None:
    if len(shape) != len(wanted):
        return None
    wrong = [i for i, (a, b) in enumerate(zip(shape, wanted, strict=True)) if differ(a, b)]
    return wrong[0] if wrong else None


def _stretches_one(shape: Shape, wanted: Shape) -> bool:
    """Whether the sizes differ only where one and the same of the two has a single element."""
    parting = [(a, b) for a, b in zip(shape, wanted, strict=True) if differ(a, b)]
    return all(a == 1 for a, _ in parting) or all(b == 1 for _, b in parting)


def _is_each_with_each(shape: Shape, wanted: Shape) -> bool:
    """Whether each has an axis of one element where the other one is long: a table of all distances, `a[:, None] - b[None]`."""
    sizes = list(zip(shape, wanted, strict=True))
    return any(a == 1 != b for a, b in sizes) and any(b == 1 != a for a, b in sizes)


def _is_reconstruction(prediction: Sym, target: Sym) -> bool:
    behind = {id(one) for one in ancestors(target)}
    return any(id(one) in behind for one in ancestors(prediction))


def _finding(program: Program, comparison: Comparison, prediction: Sym, wanted: Shape, axis: int) -> Finding:
    assert prediction.shape is not None
    # Each layer has channels of its own; how many the reconstruction has is said by the last one alone.
    last = last_layer(prediction)
    made = (
        last.site
        if last is not None and last.site is not None and axis == 1 and "Conv" in last.name
        else comparison.site
    )
    parted = _where_sizes_part(prediction, axis) if axis != 1 else None
    site, layer = parted or (made, last)
    what = f"{layer_title(program, layer)} leads to a reconstruction" if layer is not None else "the reconstruction is"
    message = (
        f"{what} of shape {shape_text(prediction.shape)}, but it is compared with {shape_text(wanted)} "
        f"({place(comparison.site, site)}): axis {axis} has {size_text(prediction.shape[axis])} and not "
        f"{size_text(wanted[axis])} elements{_effect(prediction.shape[axis], wanted[axis])}. {_advice(layer, axis, wanted)}"
    )
    return Finding(site, message, (Note(comparison.site, "compared here"),))


def _effect(size: Dim, wanted: Dim) -> str:
    return ", and the smaller one is repeated" if 1 in {size, wanted} else ""


def _advice(layer: Object | None, axis: int, wanted: Shape) -> str:
    if layer is not None and "Conv" in layer.name and axis == 1:
        return f"Give it {size_text(wanted[axis])} output channels"
    if layer is not None and "Conv" in layer.name:
        return "Change kernel, stride, padding or `output_padding`"
    return "Compare tensors of the same size"


def _where_sizes_part(prediction: Sym, axis: int) -> tuple[Site, Object] | None:
    """The first layer of the decoder whose output has a size that no layer of the encoder has seen."""
    path: list[Sym] = []
    value: Value = prediction
    while isinstance(value, Sym):
        path.append(value)
        value = source(value)
    rank = len(prediction.shape or ())
    grown = [n for n in path[::-1] if isinstance(n.layer, Object) and n.shape and len(n.shape) == rank]
    seen = set()
    for node in grown:
        before = source(node)
        assert node.shape is not None
        size, earlier = node.shape[axis], _size(before, axis, rank)
        if (
            node.op.startswith(("conv_transpose", "interpolate"))
            and size not in seen
            and isinstance(node.layer, Object)
        ):
            return (node.layer.site, node.layer) if node.layer.site is not None else None
        seen.update({size, earlier})
    return None


def _size(value: Value, axis: int, rank: int) -> Dim | None:
    known = isinstance(value, Sym) and value.shape is not None and len(value.shape) == rank
    return value.shape[axis] if known else None
