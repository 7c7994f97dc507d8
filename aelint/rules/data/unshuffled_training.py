"""The loader that a program trains on gives its batches in the same order in every epoch.

## What it does

Points out a `DataLoader` without `shuffle=True` and without a sampler that a training loop goes through.

## Why is this bad?

The same samples meet in the same batches in every epoch. If the data is sorted (by class, by recording),
batch statistics and steps follow that order.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
for (x,) in DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16, shuffle=False):
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
for (x,) in DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16, shuffle=True):
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

Advice: about one healthy program in six trains in order, on series or on data that was shuffled before.

## References

- https://docs.pytorch.org/docs/stable/data.html#data-loading-order-and-sampler
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.batches import is_training_name, keeps_order, loaders, training_loaders
from aelint.semantics.domain.values import ClassValue, Instance, Object

RULE = Rule(
    code="AEL505",
    name="unshuffled-training",
    summary="the training loader does not shuffle",
    severity=Severity.ADVICE,
    triggers=(("dataloader",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each loader that is trained on in order."""
    used = {id(loader): loop for loader, _, loop in training_loaders(program)}
    for loader in loaders(program):
        named = _for_training(program, loader)
        if loader.site is None or not keeps_order(loader) or _is_stream(loader):
            continue
        if id(loader) in used or named:
            message = "the loader that is trained on gives the same batches in the same order in every epoch: pass `shuffle=True`"
            loop = used.get(id(loader))
            notes = () if loop is None else (Note(program.site(program.entry, loop.node), "it is trained on here"),)
            yield Finding(loader.site, message, notes if loop is not None and loader.site.unit is program.unit else ())


def _for_training(program: Program, loader: Object) -> bool:
    """Whether the hook of a training framework returns it, or a function that says so by its name."""
    return any(r.value is loader and is_training_name(r.function.name) for r in program.returns)


def _is_stream(loader: Object) -> bool:
    data = loader.args[0] if loader.args else loader.kwargs.get("dataset")
    match data:
        case Instance(cls=ClassValue() as cls):
            return any(b.endswith("IterableDataset") for b in cls.external_bases())
        case _:
            return False
