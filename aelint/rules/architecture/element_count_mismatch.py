"""`view`, `reshape` or `split` asks for a shape that cannot hold the tensor's elements.

## What it does

Compares the number of elements of a tensor with the sizes that it is given, where both are known up to
common factors such as the number of samples.

## Why is this bad?

torch raises `shape is invalid for input of size`.

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

Sizes that may agree for some value of an unknown are left alone, and so is a shape with a `-1` that
can make up for the difference by changing the number of samples (see `batch-mixing-reshape`).

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
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
