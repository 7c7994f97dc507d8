"""A sum is overwritten, so that what was added to it before is lost.

## What it does

Reports a name that is set to zero before a loop, set anew in every round without reading what it held, and divided by
the number of rounds behind the loop, or by the samples of the data set that the loop's loader is built from. Reports a sum that some rounds set to zero, as for a message every ten batches,
and that is divided by the number of all rounds behind the loop. Reports an entry of a table that is set to zero where its first
term is at hand, and added to from the second on. And reports a total that a branch replaces by one more
term: `if weight > 0: loss = weight * term` behind `loss += ...`.

## Why is this bad?

The division says that a mean is meant. What is left is the last view, scale or batch, made smaller by the number of
rounds; all others have no part in the loss, and their gradient is lost. A term that replaces the total leaves a model
that is trained on that term alone: a penalty without a reconstruction.

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

Loops that end early, and names that the loop reads before they are set, are left alone. A branch that chooses another
objective, and does not test the weight of its own term, is taken for a choice.

## References

- https://docs.python.org/3/reference/simple_stmts.html#augmented-assignment-statements
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.dropped_sums import emptied_sums, first_terms_lost, replaced_sums
from aelint.semantics.objective.lost_sums import lost_sums

RULE = Rule(
    code="AEL329",
    name="overwritten-sum",
    summary="a sum is overwritten, and what was added to it before is lost",
    severity=Severity.WARNING,
    triggers=(("for ", "if "), ("/", "+=")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each sum of which only the last part is left."""
    for one in lost_sums(program):
        message = (
            f"each round overwrites `{one.name}`, so that only the last is divided by the number of rounds "
            f"({place(one.divided, one.site)}): add to it, `{one.name} = {one.name} + ...`"
        )
        yield Finding(one.site, message, (Note(one.divided, "divided by the number of rounds"),))
    for emptied in emptied_sums(program):
        message = (
            f"`{emptied.name}` is set to zero in some rounds, and divided by the number of all rounds after the loop "
            f"({place(emptied.shown, emptied.site)}): it holds the last few batches alone; keep a sum of its own for the mean"
        )
        yield Finding(emptied.site, message, (Note(emptied.shown, "divided by the number of rounds"),))
    for late in first_terms_lost(program):
        message = (
            f"`{late.name}` begins at zero in the very round that has its first term, which is never added, while all others are "
            f"({place(late.shown, late.site)}): begin with the term"
        )
        yield Finding(late.site, message, (Note(late.shown, "the other terms are added here"),))
    for replaced in replaced_sums(program):
        message = (
            f"this term replaces `{replaced.name}` and all that was added to it ({place(replaced.shown, replaced.site)}): "
            f"add it, `{replaced.name} += ...`"
        )
        yield Finding(replaced.site, message, (Note(replaced.shown, "the last term that was added"),))
