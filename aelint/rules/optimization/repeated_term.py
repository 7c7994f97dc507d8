"""The same term is added to a loss twice.

## What it does

Reports two calls of a loss with the same arguments that one block of statements adds to the same sum.

## Why is this bad?

As a rule one of the two was to have other arguments: the second of two outputs, the other direction, another layer.
That part is not trained, and the first one counts double.

## Example

```python
import torch.nn.functional as F


def loss(outputs, composed, target):
    total = F.l1_loss(outputs, target)
    total = total + F.l1_loss(outputs, target)
    return total
```

## Use instead

```python
import torch.nn.functional as F


def loss(outputs, composed, target):
    total = F.l1_loss(outputs, target)
    total = total + F.l1_loss(composed, target)
    return total
```

## Known limits

Terms are compared as they are written; arguments that are computed in place may be drawn anew, and are not judged.

## References

- https://docs.pytorch.org/docs/stable/nn.functional.html#loss-functions
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.repeated_terms import repeated_terms
from aelint.semantics.wording import place

RULE = Rule(
    code="AEL417",
    name="repeated-term",
    summary="the same term is added to a loss twice",
    severity=Severity.WARNING,
    triggers=(("loss", "entropy", "criterion", "div"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the second of two equal terms."""
    for one in repeated_terms(program):
        yield Finding(
            one.site,
            f"`{one.site.text}` is part of `{one.total}` already ({place(one.first, one.site)}): it counts twice, and what was to stand here "
            "not at all; correct the arguments, or weigh the term",
            (Note(one.first, "the same term"),),
        )
