"""The "best" state is a view of the model, which goes on changing.

## What it does

Reports a `state_dict()` that is kept without a copy over further training steps of the same model and
then loaded or saved, and a "best model" that is the model itself.

## Why is this bad?

The tensors of a state dict are the model's own. Every later step changes them, so what is restored at
the end is the last state, not the best one. Nothing fails, and early stopping has no effect.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters())
lowest, best = float("inf"), None
for epoch in range(10):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if loss.item() < lowest:
        lowest = loss.item()
        best = model.state_dict()
model.load_state_dict(best)
```

## Use instead

```python
import copy

import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters())
lowest, best = float("inf"), None
for epoch in range(10):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if loss.item() < lowest:
        lowest = loss.item()
        best = copy.deepcopy(model.state_dict())
model.load_state_dict(best)
```

## Known limits

A state that is written to disk at once is a copy. The training steps must be in the program.

## References

- https://pytorch.org/tutorials/beginner/saving_loading_models.html (`state_dict` returns references)
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.checkpoints import Kept, kept_models, kept_states

RULE = Rule(
    code="AEL602",
    name="aliased-checkpoint",
    summary="a state is kept without a copy and changes with every further training step",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(("state_dict", "best"), ("step",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report each kept state that is no copy."""
    for kept in (*kept_states(program), *kept_models(program)):
        yield Finding(
            kept.site,
            f"`{kept.site.text}` shares its tensors with the model: `{kept.step.event.site.text}` ({place(kept.step.event.site, kept.site)}) "
            f"changes them before they are used {_again(kept)}; keep a copy, `copy.deepcopy(...)`",
            (Note(kept.step.event.site, "changes the kept state too"),),
        )


def _again(kept: Kept) -> str:
    return f"({place(kept.used, kept.site)})" if kept.used is not None else "again"
