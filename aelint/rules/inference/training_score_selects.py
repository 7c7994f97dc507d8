"""The model is kept, or training stopped, by the training loss, although a validation loss is computed.

## What it does

Reports a training loop that computes a loss on its training data and one on held-out data, shows both at most, and then saves
the "best" model, or asks for an early stop, by the training loss alone.

## Why is this bad?

The training loss goes on falling while the model learns its training set by heart. The last epoch is nearly always the best
one by that measure: nothing stops, and what is kept is the most overfitted model. The validation loss was computed to see
exactly this.

## Example

```python
import torch


def fit(model, train_epoch, validate, epochs=100):
    best = float("inf")
    for epoch in range(epochs):
        train_loss = train_epoch(model)
        val_loss = validate(model)
        print(epoch, train_loss, val_loss)
        if train_loss < best:
            best = train_loss
            torch.save(model.state_dict(), "best.pt")
```

## Use instead

```python
import torch


def fit(model, train_epoch, validate, epochs=100):
    best = float("inf")
    for epoch in range(epochs):
        train_loss = train_epoch(model)
        val_loss = validate(model)
        print(epoch, train_loss, val_loss)
        if val_loss < best:
            best = val_loss
            torch.save(model.state_dict(), "best.pt")
```

## Known limits

Which loss is which is read from the names, and both must be bound in the loop. A held-out loss that anything else takes, a
schedule or a second comparison, is left alone.

## References

- Prechelt, "Early Stopping - But When?", 1998: https://doi.org/10.1007/3-540-49430-8_3
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.inference.training_selections import training_selections

RULE = Rule(
    code="AEL616",
    name="training-score-selects",
    summary="the best model is chosen by the training loss although a validation loss is computed",
    severity=Severity.WARNING,
    triggers=(
        ("train",),
        ("save", "state_dict", "deepcopy", "stop", "patience"),
        ("val", "test", "eval", "dev_", "held"),
    ),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each comparison, or question for an early stop, that looks at the training loss alone."""
    for one in training_selections(program):
        what = "training is stopped" if one.stops else "the model is kept"
        message = (
            f"{what} by `{one.training}`, which falls on while the model overfits; `{one.held_out}` is computed for this, and decides "
            f"nothing. Decide by `{one.held_out}`"
        )
        yield Finding(one.site, message, (Note(one.measured, "the loss on held-out data"),))
