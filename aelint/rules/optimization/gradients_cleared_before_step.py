"""Gradients are cleared between the backward pass and the step that should use them.

## What it does

Reports

- a `zero_grad` that certainly runs after `backward` and before the `step` of the same optimiser,
- a loop that waits several batches with the step (`if (i + 1) % n == 0`) and clears in every round, and
- such a loop over a known number of batches that is no multiple of n, whose last gradients the next epoch clears.

## Why is this bad?

The step finds no gradients. The parameters stay as they are (or drift by weight decay and momentum
alone), and the loss never falls. Where batches are accumulated, all but the last of them are lost.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

Clearing only some of the parameters, or under a condition (a skipped batch), is not reported.

## References

- https://pytorch.org/docs/stable/optim.html#taking-an-optimization-step
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.accumulation import lost_batches
from aelint.semantics.optimization.remainders import remainders
from aelint.semantics.optimization.steps import cleared_early
from aelint.semantics.optimization.training import same_round

RULE = Rule(
    code="AEL404",
    name="gradients-cleared-before-step",
    summary="gradients are cleared after the backward pass and before the step",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(("backward",), ("step",), ("grad",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the clearing that stands between a backward pass and its step."""
    for found in cleared_early(program):
        clear, step, backward = found.action.event.site, found.step.event.site, found.backward.event.site
        if not same_round(found.backward.context, found.step.context):
            continue
        yield Finding(
            clear,
            f"`{clear.text}` throws away what `{backward.text}` ({place(backward, clear)}) computed before `{step.text}` "
            f"({place(step, clear)}) can use it; clear the gradients before the backward pass",
            (Note(backward, "gradients are computed"), Note(step, "the step finds none")),
        )
    for lost in lost_batches(program):
        yield Finding(
            lost.clear,
            f"`{lost.step.text}` ({place(lost.step, lost.clear)}) waits for several batches, but this clears after each of them: only "
            "the gradients of the last batch are used; clear where the step is taken",
            (Note(lost.backward, "gradients are to add up"), Note(lost.step, "the step finds one batch")),
        )
    for rest in remainders(program):
        yield Finding(
            rest.test,
            f"an epoch has {rest.batches} batches, and a step is taken after every {rest.period}: what the last "
            f"{rest.batches % rest.period} computed is cleared ({place(rest.clear, rest.test)}) before any step uses it; step at the last batch, too",
            (Note(rest.clear, "the next epoch clears"),),
            severity=Severity.WARNING,
        )
