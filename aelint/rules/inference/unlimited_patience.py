"""Early stopping counts all rounds without improvement instead of those in a row, or saves the model in the wrong branch.

## What it does

Looks at early stopping that is written by hand: a branch that keeps the best score, and another that increases
a counter up to a limit. Reports a counter that nothing sets back when the score improves, and a branch that
saves the model where the counter grows, with the very call that saves the best one. Also reports a comparison whose
tolerance lets a worse score take the place of the best (`if score < best - delta: counter += 1`).

## Why is this bad?

A counter that is never set back ends training after so many bad rounds in total, however well it goes on in
between. A checkpoint that is written when the score got worse is the last model and not the best.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best, waited = float("inf"), 0
for epoch in range(100):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss < best:
        best = val_loss
    else:
        waited += 1
    if waited >= 5:
        break
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best, waited = float("inf"), 0
for epoch in range(100):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss < best:
        best = val_loss
        waited = 0
    else:
        waited += 1
    if waited >= 5:
        break
```

## Known limits

A counter that other classes set back, or that is reset together with others by a function, is not followed there.

## References

- Prechelt, "Early Stopping - But When?", 1998
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.inference.patience import Patience, lenient_improvements, patiences
from aelint.syntax.names import last_name
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL610",
    name="unlimited-patience",
    summary="early stopping counts all bad rounds instead of those in a row, or saves the model after a bad one",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("+= 1", "+=1", "+ 1", "+1"), ("best", "patience", "wait", "stop")),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield counters that are never set back, and checkpoints of models that got worse."""
    for one in patiences(program):
        if one.resets <= 0:
            yield Finding(
                one.improves,
                f"the better score is kept here, and `{one.counter}`, which grows with each round that is no improvement, is never set "
                "back: training ends after so many bad rounds in total; set it to 0 here",
                (Note(one.grows, "grows here"),),
            )
        yield from _saved_when_worse(one)
    for test, tolerance in lenient_improvements(program):
        yield Finding(
            test,
            f"a score that is worse by less than `{tolerance}` takes the place of the best one here, and the counter is set back: scores may sink "
            "slowly for ever; put the tolerance on the other side",
        )


def _saved_when_worse(one: Patience) -> Iterator[Finding]:
    kept = {ast.dump(c) for c in _saves(one.better)}
    for call in _saves(one.worse):
        if ast.dump(call) in kept:
            yield Finding(
                Site(one.grows.unit, call),
                "the model is saved here although the score did not improve, over the best one; save it in the other branch alone",
                (Note(one.grows, "a round without improvement is counted"),),
            )


def _saves(body: tuple[ast.stmt, ...]) -> list[ast.Call]:
    calls = [s.value for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    return [c for c in calls if any("save" in last_name(n).lower() for n in walk(c.func))]
