"""A loop throws a result of the model away and reads that of another loop, which had a name.

## What it does

Reports a loop that unpacks the result of a call into `_`, and reads the name which an earlier loop of the function, and only that
one, gives to the same part of the result of the same call.

## Why is this bad?

Python's loops have no scope of their own: behind the training loop its names hold what its last batch gave. A divergence
that the validation computes from them has nothing to do with the held-out data, is the same in every
round, and chooses the best model by the last training batch.

## Example

```python
import torch


def fit(model, optimizer, train_loader, val_loader, loss_of):
    for x in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(x)
        loss_of(recon, x, mu, logvar).backward()
        optimizer.step()
    with torch.no_grad():
        for x in val_loader:
            recon, _, _ = model(x)
            print(loss_of(recon, x, mu, logvar))
```

## Use instead

```python
import torch


def fit(model, optimizer, train_loader, val_loader, loss_of):
    for x in train_loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(x)
        loss_of(recon, x, mu, logvar).backward()
        optimizer.step()
    with torch.no_grad():
        for x in val_loader:
            recon, mu, logvar = model(x)
            print(loss_of(recon, x, mu, logvar))
```

## Known limits

An earlier loop that may end early is left alone: what it stopped at may be wanted.

## References

- https://docs.python.org/3/reference/compound_stmts.html#the-for-statement
- https://github.com/Project-MONAI/tutorials/pull/2000
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.stale_results import stale_results

RULE = Rule(
    code="AEL619",
    name="stale-result",
    summary="a loop throws a result of the model away and reads that of another loop, which had a name",
    severity=Severity.WARNING,
    triggers=(("for ", "while "), ("_,", ", _", "*_", ")[")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report where the result is thrown away."""
    for one in stale_results(program):
        names = " and ".join(f"`{name}`" for name in one.names)
        message = (
            f"what an earlier loop calls {names} ({place(one.bound, one.thrown)}) is thrown away here, but read in this loop all the same "
            f"({place(one.read, one.thrown)}), as that loop's last round left it: the same in each round of this one. Unpack {names} here, too"
        )
        yield Finding(one.thrown, message, (Note(one.bound, "bound here"), Note(one.read, "read here")))
