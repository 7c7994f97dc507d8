"""A reshape changes the order of the axes by name only: the elements stay where they are.

## What it does

Reports `view` and `reshape` that

- give the sizes of a tensor in another order, `(N, 28, 32, 3)` as `(N, 3, 28, 32)`, or put an axis such as
  the sequence behind one that was split off (heads),
- give rows and columns of a table in the other order, `(40, 16)` as `(16, 40)`,
- cut images into as many runs as there are patches, `(N, 1, 28, 28)` as `(N, 16, 49)`,
- turn rows that hold one vector for each position into channels, `(N * H * W, C)` as `(N, C, H, W)`,
- split patches of a prediction in another order than the target's patches were joined in,
- join the windows of two `unfold`s with the channels still in front, or lay square patches out one behind the other,

and halves taken by every second column that are put side by side, although the inverse takes every second column again.

## Why is this bad?

A reshape keeps the elements in their row-major order. Where the axes change places, `permute` or
`transpose` is needed; `view` cuts rows of pixels into channels. The shapes fit, so nothing raises, and a
network may even learn around it, but pictures are scrambled.

## Example

```python
import torch

images = torch.rand(16, 28, 32, 3)
channels_first = images.view(16, 3, 28, 32)
```

## Use instead

```python
import torch

images = torch.rand(16, 28, 32, 3)
channels_first = images.permute(0, 3, 1, 2)
```

## Known limits

The sizes must be known, or be the same unknown on both sides. Equal sizes that change places cannot be
told from equal sizes that stay. A table whose one size divides the other may be regrouped on purpose.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.permute.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.halves import separated_halves
from aelint.semantics.architecture.layouts import moved_axes, reordered_parts
from aelint.semantics.explanation.wording import place, shape_text

RULE = Rule(
    code="AEL108",
    name="layout-reinterpreted",
    summary="a reshape is used where the axes have to be permuted",
    severity=Severity.WARNING,
    triggers=(("view", "reshape", "cat"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield reshapes that read a layout as another one."""
    for moved in moved_axes(program):
        message = (
            f"a reshape from {shape_text(moved.shape)} to {shape_text(moved.target)} changes the order of the axes, but "
            "leaves the elements where they are. Use `permute` or `transpose` to move axes"
        )
        yield Finding(moved.call.site, message)
    for parts in reordered_parts(program):
        if parts.joined.site is None:
            continue
        where = place(parts.joined.site, parts.split.site)
        message = (
            f"the last axis is split as {shape_text(parts.sizes)}, but the target that the same layer is trained on "
            f"was joined from {shape_text(parts.parts)} ({where}). Split it in the same order and permute afterwards"
        )
        yield Finding(parts.split.site, message, (Note(parts.joined.site, "the target's parts are joined here"),))
    for halves in separated_halves(program):
        message = (
            f"the two halves, each of every second column ({place(halves.taken, halves.site)}), are put side by side here, but "
            f"`{halves.inverse}` takes every second column again and does not undo this. Split at the middle, or interleave"
        )
        yield Finding(halves.site, message, (Note(halves.taken, "taken by every second column"),))
