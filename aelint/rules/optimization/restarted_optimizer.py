"""An optimiser is built anew in every round of the training loop.

## What it does

Reports an optimiser with a memory (Adam and its relatives, SGD with momentum) that is built inside of the loop over the
epochs or batches in which it takes its steps, for a model that stays the same.

## Why is this bad?

Adam divides each step by the size of the gradients before it, and momentum adds them up. A new optimiser starts with
zeros: built for every batch, Adam moves each weight by the learning rate, however small its gradient, and momentum does
nothing; built for every epoch, the first steps of each epoch are as rough as the first of all. A schedule that
belongs to the old optimiser has no effect on the new one.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 784))
for epoch in range(20):
    for x in torch.rand(100, 64, 784):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 784))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for x in torch.rand(100, 64, 784):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
```

## Known limits

A loop that changes anything the optimiser is built of (the model, its weights, the learning rate) begins something new,
and so does one over tasks, folds or stages; SGD without momentum has nothing to forget.

## References

- Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, algorithm 1, https://arxiv.org/abs/1412.6980
- https://docs.pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.restarted import restarted_optimizers

RULE = Rule(
    code="AEL427",
    name="restarted-optimizer",
    summary="an optimiser is built anew in every round of the training loop and forgets what it has learned of the gradients",
    severity=Severity.WARNING,
    triggers=(("optim",), ("backward",), ("step",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each optimiser that is built where its loop goes on with the same model."""
    for found in restarted_optimizers(program):
        often = "batch" if found.for_each_batch else "epoch"
        message = (
            f"a new {found.kind} is built in every round of this loop ({place(found.loop, found.site)}), for each {often}: its averages of the "
            "gradients start from zero again. Build it once, before the loop"
        )
        yield Finding(found.site, message, (Note(found.step, "its step"),))
