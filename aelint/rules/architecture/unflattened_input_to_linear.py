"""An image batch reaches a linear layer that was built for flattened images.

## What it does

Reports a linear layer whose `in_features` is the product of the axes behind the batch, while the tensor
still has those axes.

## Why is this bad?

`nn.Linear` multiplies the last axis only. A batch of shape `(N, 1, 28, 28)` has 28 features there, so
`nn.Linear(784, ...)` raises `mat1 and mat2 shapes cannot be multiplied`.

## Example

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784))
output = model(torch.rand(16, 1, 28, 28))
```

## Use instead

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784))
output = model(torch.rand(16, 1, 28, 28))
```

## Known limits

The sizes must be known: from the tensor's maker, or from the layers before.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import contradictions, unflattened
from aelint.semantics.explanation.wording import layer_title, shape_text, size_text

RULE = Rule(
    code="AEL106",
    name="unflattened-input-to-linear",
    summary="an image batch reaches a linear layer without being flattened",
    severity=Severity.ERROR,
    triggers=(("linear",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each linear layer that would fit the flattened tensor."""
    for found in contradictions(program, "features"):
        if unflattened(found.conflict):
            facts = found.conflict.facts
            message = (
                f"{layer_title(program, found.conflict.layer)} takes {size_text(facts['expected'])} features, the tensor "
                f"{shape_text(facts['shape'])} has {size_text(facts['actual'])} in its last axis and "
                f"{size_text(facts['expected'])} per sample. Flatten it first: `x.flatten(1)` or `nn.Flatten()`"
            )
            yield Finding(found.written, message)
