"""A running sum of losses keeps the graph of every batch alive.

## What it does

Reports a sum over a training loop to which the loss itself is added, the tensor that `backward` was
called on, or one of its terms, weighed by the size of the batch or not, in place of its number. Where a meter adds it up,
reports the call that hands it over.

## Why is this bad?

The sum is a tensor whose graph reaches back to the first batch. Memory grows with every step until
the epoch ends or the device is full, and each `print` of the sum waits for the device.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters())
total = 0.0
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss
print(total / 1000)
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters())
total = 0.0
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss.item()
print(total / 1000)
```

## Known limits

A sum that `backward` is called on itself is meant to hold the graph.

## References

- https://pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.retention import retained_losses

RULE = Rule(
    code="AEL412",
    name="graph-kept-alive",
    summary="losses are summed over the loop with their graphs",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("backward",), ("+",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the running sum."""
    for retained in retained_losses(program):
        done = Note(retained.backward, "behind this nothing needs the graph any more")
        number = "`loss.item()` (or `loss.detach()`, to stay on the device)"
        if retained.handed is None:
            message = f"`{retained.name}` adds up losses together with their graphs, of every round of the loop; add the number, {number}"
            yield Finding(retained.site, message, (done,))
        else:
            message = (
                f"`{retained.name}` ({place(retained.site, retained.handed)}) adds up what is handed over here, losses together with their "
                f"graphs, of every round of the loop; hand over the number, {number}"
            )
            yield Finding(retained.handed, message, (Note(retained.site, "summed up here"), done))
