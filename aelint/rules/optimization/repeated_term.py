"""The same term is added to a loss twice, or a tensor is joined with itself.

## What it does

Reports

- two calls of a loss with the same arguments that one block of statements adds to the same sum,
- a value that is multiplied by the norm of a weight where it is made and once more, by the same norm, where it is used,
- a network that a function runs twice on the same input, and of which it returns the same result twice, and
- a tensor that is joined with itself (`torch.cat((fw_out, fw_out), 2)`), in a function that computes another one
  of nearly the same name (`bw_out`) and never reads it.

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
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.repeated_factors import repeated_factors
from aelint.semantics.optimization.repeated_runs import repeated_runs
from aelint.semantics.optimization.repeated_terms import repeated_parts, repeated_terms

RULE = Rule(
    code="AEL417",
    name="repeated-term",
    summary="the same term is added to a loss twice, or a tensor is joined with itself in place of another",
    severity=Severity.WARNING,
    triggers=(("loss", "entropy", "criterion", "div", "cat", "stack", "module", "norm("),),
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
    for run in repeated_runs(program):
        yield Finding(
            run.site,
            f"`{run.site.text}` was run before ({place(run.first, run.site)}), and both results are returned, though they are equal: one "
            "of the two was to read another input",
            (Note(run.first, "the same run"),),
        )
    for part in repeated_parts(program):
        yield Finding(
            part.site,
            f"`{part.name}` is joined with itself here, and `{part.twin}` ({place(part.unread, part.site)}) is never read: one of the two "
            f"was to be `{part.twin}`",
            (Note(part.unread, "computed in vain"),),
        )
    for factor in repeated_factors(program):
        yield Finding(
            factor.site,
            f"what is multiplied by this norm here was multiplied by it before ({place(factor.before, factor.site)}): it enters "
            "twice; leave one of the two out",
            (Note(factor.before, "the same norm"),),
        )
