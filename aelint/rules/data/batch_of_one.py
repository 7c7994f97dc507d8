"""The last batch has one sample, and batch normalisation cannot take it.

## What it does

Reports a training loader whose data leaves a last batch of one sample, for a network that normalises
vectors over the batch.

## Why is this bad?

A mean over one sample is the sample, and its deviation is zero: `BatchNorm1d` raises at the end of the
first epoch, "Expected more than 1 value per channel when training".

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 8))
optimizer = torch.optim.Adam(model.parameters())
for (x,) in DataLoader(TensorDataset(torch.randn(65, 8)), batch_size=16, shuffle=True):
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

model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 8))
optimizer = torch.optim.Adam(model.parameters())
for (x,) in DataLoader(TensorDataset(torch.randn(65, 8)), batch_size=16, shuffle=True, drop_last=True):
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

Speaks only where the number of samples and the batch size are known.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.batches import samples_in, training_loaders
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.operators.api import to_int

RULE = Rule(
    code="AEL509",
    name="batch-of-one",
    summary="the last batch has one sample, and batch normalisation cannot take it",
    severity=Severity.ERROR,
    triggers=(("dataloader",), ("batchnorm1d",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each loader whose last batch has one sample."""
    for loader, loss, _ in training_loaders(program):
        count, size = samples_in(loader), to_int(loader_argument(loader, "batch_size", 1))
        drops = loader_argument(loader, "drop_last", False)  # the default of torch
        if count is None or size is None or size < 2 or count % size != 1 or drops is not False or loader.site is None:
            continue
        norm = _normalised(loss, loader)
        if norm is not None and norm.site is not None:
            message = f"{count} samples in batches of {size} leave a last batch of one: batch normalisation raises; pass `drop_last=True`"
            yield Finding(loader.site, message, (Note(norm.site, "it is normalised over the batch here"),))


def _normalised(loss: Call, loader: Object) -> Sym | None:
    """Vectors of a batch of the loader that are normalised over the batch on their way to the loss."""
    for one in ancestors(loss.receiver):
        flat = one.op == "batch_norm" and one.shape is not None and len(one.shape) == 2
        if flat and any(a.op == "batch" and a.attrs.get("loader") is loader for a in ancestors(one)):
            return one
    return None
