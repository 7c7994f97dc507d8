"""A condition is joined with the input or embedded, and the result is not used.

## What it does

Reports a method of a network that concatenates tensors, or embeds or one-hot encodes a label, under a name that is never
read, or is assigned again before it is read.

## Why is this bad?

The model trains as if it had no condition: the label has no influence on the code or on the reconstruction, and
generation "of class 3" gives samples of every class.

## Example

```python
import torch
from torch import nn


class ConditionalDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 8), nn.Linear(20, 784)

    def forward(self, z, label):
        joined = torch.cat([z, self.embedding(label)], dim=1)
        return self.out(z)
```

## Use instead

```python
import torch
from torch import nn


class ConditionalDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 8), nn.Linear(20 + 8, 784)

    def forward(self, z, label):
        joined = torch.cat([z, self.embedding(label)], dim=1)
        return self.out(joined)
```

## Known limits

Only names inside of methods of networks are judged, and only where every use is in sight.

## References

- Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional Generative Models, 2015
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics.dead_values import dead_bindings
from aelint.semantics.program import Program

RULE = Rule(
    code="AEL214",
    name="unused-condition",
    summary="a condition is joined or embedded, and the result is not used",
    severity=Severity.WARNING,
    triggers=(("cat(", "concat", "embedding", "one_hot", "stack("),),
)

_DONE = {"cat": "concatenated", "hstack": "concatenated", "embedding": "embedded", "one_hot": "encoded"}


def check(program: Program) -> Iterator[Finding]:
    """Joined or embedded tensors that nothing reads."""
    for binding in dead_bindings(program, frozenset(_DONE)):
        done = _DONE[binding.value.op]
        message = (
            f"`{binding.name}` is {done} here and never used, so what it holds does not reach the layers that follow"
        )
        yield Finding(binding.site, message)
