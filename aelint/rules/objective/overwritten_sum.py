"""A sum over the rounds of a loop holds the last round alone, because each round overwrites it.

## What it does

Reports a name that is set to zero before a loop, set anew in every round without reading what it held, and divided by
the number of rounds behind the loop.

## Why is this bad?

The division says that a mean is meant. What is left is the last view, scale or batch, made smaller by the number of
rounds; all others have no part in the loss, and their gradient is lost.

## Example

```python
import torch.nn.functional as F


def consistency(codes):
    loss, count = 0.0, 0
    for code in codes[1:]:
        loss = F.mse_loss(codes[0], code)
        count += 1
    return loss / count
```

## Use instead

```python
import torch.nn.functional as F


def consistency(codes):
    loss, count = 0.0, 0
    for code in codes[1:]:
        loss = loss + F.mse_loss(codes[0], code)
        count += 1
    return loss / count
```

## Known limits

Loops that end early, and names that the loop reads, are left alone.

## References

- https://docs.python.org/3/reference/simple_stmts.html#augmented-assignment-statements
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.lost_sums import lost_sums
from aelint.semantics.wording import place

RULE = Rule(
    code="AEL329",
    name="overwritten-sum",
    summary="a loop overwrites the sum that is divided by the number of its rounds",
    severity=Severity.WARNING,
    triggers=(("for ",), ("/",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each sum of which only the last round is left."""
    for one in lost_sums(program):
        message = (
            f"each round overwrites `{one.name}`, so that only the last is divided by the number of rounds "
            f"({place(one.divided, one.site)}): add to it, `{one.name} = {one.name} + ...`"
        )
        yield Finding(one.site, message, (Note(one.divided, "divided by the number of rounds"),))
