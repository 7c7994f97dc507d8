"""A sum goes on from one epoch to the next, or from one loop to the next, and is averaged as if it had begun anew.

## What it does

Reports a name that is set to zero in front of the loop over epochs, added to in the loop over batches, and divided by the
number of batches, or of samples, in each epoch. Reports a sum of the training loop that the validation loop goes on with, and that is divided
by the number of validation batches.

## Why is this bad?

The mean of the second epoch holds the losses of two epochs, that of the tenth those of ten: the curve rises while the
model gets better, and whoever stops early or saves the best model by it does so in the first epoch. A validation loss that
holds the training loss as well says nothing about data that the model has not seen.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
loader = torch.utils.data.DataLoader(torch.rand(100, 20), batch_size=10)
running_loss = 0.0
for epoch in range(3):
    for x in loader:
        running_loss += nn.functional.mse_loss(model(x), x).item()
    print(epoch, running_loss / len(loader))
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
loader = torch.utils.data.DataLoader(torch.rand(100, 20), batch_size=10)
for epoch in range(3):
    running_loss = 0.0
    for x in loader:
        running_loss += nn.functional.mse_loss(model(x), x).item()
    print(epoch, running_loss / len(loader))
```

## Known limits

A counter that goes on with the sum makes the mean of all rounds so far, and is left alone. Sums in attributes and in
meters of other modules are not followed.

## References

- https://docs.pytorch.org/tutorials/beginner/introyt/trainingyt.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.unreset_sums import UnresetSum, unreset_sums

RULE = Rule(
    code="AEL620",
    name="unreset-sum",
    summary="a sum goes on from one epoch or loop to the next, and is averaged as if it began anew",
    severity=Severity.WARNING,
    triggers=(("for ",), ("+=",), ("/",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each sum that is divided by the rounds of its last loop alone."""
    for one in unreset_sums(program):
        yield _between(one) if one.between else _over_rounds(one)


def _over_rounds(one: UnresetSum) -> Finding:
    message = (
        f"`{one.name}` begins once, in front of the outer loop, grows in every round of it ({place(one.grown, one.began)}), and is divided "
        f"by the rounds of one inner loop ({place(one.divided, one.began)}): from the second round on it holds those before as well. "
        f"Set it to zero inside the outer loop"
    )
    return Finding(one.began, message, _notes(one))


def _between(one: UnresetSum) -> Finding:
    message = (
        f"this loop adds to `{one.name}`, which still holds the sum of the loop before it (from {place(one.began, one.grown)}), and the "
        f"total is divided by the rounds of this loop alone ({place(one.divided, one.grown)}). Set it to zero in front of this loop"
    )
    return Finding(one.grown, message, _notes(one))


def _notes(one: UnresetSum) -> tuple[Note, ...]:
    return (Note(one.divided, "divided by the rounds of one loop"),)
