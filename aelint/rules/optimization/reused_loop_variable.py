"""A loop's name takes the place of a value that is still wanted.

## What it does

Reports a loop inside of another loop over the same name, where the rest of the outer round reads that name, and a loop
over one of several names that were assigned together, where a call in the loop takes it beside the others.

## Why is this bad?

Python's loops have no scope of their own. Behind `for i in range(critic_steps)` an outer `i` is not the number of the
batch any more, but the last number of the inner loop: schedules, intervals and logs that ask for it see a constant.

## Example

```python
from torch.nn import functional as F


def train(model, optimizer, loader, views):
    for i, (x, _) in enumerate(loader):
        optimizer.zero_grad()
        for i in range(views):
            F.mse_loss(model(x), x).backward()
        optimizer.step()
        if i % 100 == 0:
            print(i)
```

## Use instead

```python
from torch.nn import functional as F


def train(model, optimizer, loader, views):
    for i, (x, _) in enumerate(loader):
        optimizer.zero_grad()
        for _ in range(views):
            F.mse_loss(model(x), x).backward()
        optimizer.step()
        if i % 100 == 0:
            print(i)
```

## Known limits

Inner loops that may end early are left alone: what they stopped at may be wanted. So are names that start with `_`.

## References

- https://github.com/locuslab/fast_adversarial/issues/7
- https://docs.python.org/3/reference/compound_stmts.html#the-for-statement
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.loop_names import taken_names

RULE = Rule(
    code="AEL419",
    name="reused-loop-variable",
    summary="a loop takes the name of a value that is still wanted after it",
    severity=Severity.WARNING,
    triggers=(("for ",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each loop over a name whose former value is asked for."""
    for one in taken_names(program):
        if one.of_loop:
            message = (
                f"`{one.name}` is also the variable of the loop around this one, which reads it afterwards "
                f"({place(one.read, one.site)}) and gets the last `{one.name}` of this loop; give one of them another name"
            )
        else:
            message = (
                f"this loop overwrites the `{one.name}` that was unpacked with others before, and passes its own on with them "
                f"({place(one.read, one.site)}); give the loop's variable another name"
            )
        yield Finding(one.site, message, (Note(one.held, "the value that is lost"), Note(one.read, "asked for here")))
