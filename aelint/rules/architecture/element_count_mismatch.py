"""`view`, `reshape` or `split` asks for a shape that cannot hold the tensor's elements.

## What it does

Compares the number of elements of a tensor with the sizes that it is given, where both are known up to
common factors such as the number of samples. Where a `-1` stands for the samples, reports sizes that give
a network's result another number of them than its code or its input has.

## Why is this bad?

torch raises `shape is invalid for input of size`. With a `-1` in front, `view(-1, 64, 2, 4)` of rows with
256 elements raises nothing and makes one image of two codes; the loss raises later, or broadcasts.

## Example

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 32 * 7 * 7)

    def forward(self, z):
        return self.fc(z).view(z.size(0), 16, 7, 7)
```

## Use instead

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 32 * 7 * 7)

    def forward(self, z):
        return self.fc(z).view(z.size(0), 32, 7, 7)
```

## Known limits

Sizes that may agree for some value of an unknown are left alone. A `-1` that changes the number of samples is
reported for feature maps made of the rows of a code, where the result of `forward` shows it (see also
`batch-mixing-reshape`).

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.changed_batches import ChangedBatch, changed_batches
from aelint.semantics.architecture.contradictions import contradictions, last_layer
from aelint.semantics.explanation.wording import layer_title, shape_text, size_text

RULE = Rule(
    code="AEL104",
    name="element-count-mismatch",
    summary="a reshape cannot hold the elements of its tensor",
    severity=Severity.ERROR,
    triggers=(("view", "reshape", "split", "flatten"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each reshape to another number of elements."""
    for found in contradictions(program, "elements"):
        if found.conflict.operation == "unflatten":
            continue
        facts = found.conflict.facts
        if facts["have"] == 0:
            continue  # a default that stands for nothing yet, `anchors=()`, and no real program keeps it
        message = (
            f"`{found.conflict.operation}` to {shape_text(facts['target'])} holds {size_text(facts['want'])} elements, the "
            f"tensor of shape {shape_text(facts['shape'])} has {size_text(facts['have'])}; torch raises. "
            "Use the sizes that the layer before gives"
        )
        layer = last_layer(found.conflict.subject)
        notes = (Note(layer.site, f"{layer_title(program, layer)} gives the tensor"),) if layer and layer.site else ()
        yield Finding(found.site, message, notes)
    for one in changed_batches(program):
        yield _changed(one)


def _changed(one: ChangedBatch) -> Finding:
    wanted = "x".join(str(size) for size in one.target[1:])
    message = (
        f"{shape_text((-1, *one.target[1:]))} takes {one.row} elements ({wanted}) for a sample, and a row of the tensor has {one.sample}: "
        "the `-1` makes up for it with another number of samples than went in. Give the layer before and the reshape the same size"
    )
    notes: tuple[Note, ...] = ()
    if one.beside.site is not None:
        notes = (
            Note(one.beside.site, f"here the samples are as many as before ({shape_text(one.beside.shape or ())})"),
        )
    return Finding(one.site, message, notes)
