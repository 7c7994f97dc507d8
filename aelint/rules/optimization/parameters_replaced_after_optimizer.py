"""A part of the model is exchanged after the optimiser took its parameters.

## What it does

Reports a layer or parameter of a model that is assigned anew between the construction of the optimiser
that holds the model and the optimiser's steps.

## Why is this bad?

The optimiser keeps a reference to the old parameters. It goes on stepping them, while the new ones,
which the model uses, stay at their random start.

## Example

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters())
model.decoder = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 20))
for step in range(1000):
    x = torch.randn(32, 20)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


model = Autoencoder()
model.decoder = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters())
for step in range(1000):
    x = torch.randn(32, 20)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
```

## Known limits

`model.to(device)` changes the parameters in place and is no replacement. Replacements under a
condition are not judged.

## References

- https://pytorch.org/docs/stable/optim.html#constructing-it
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.coverage import replaced_parameters

RULE = Rule(
    code="AEL409",
    name="parameters-replaced-after-optimizer",
    summary="a part of the model is replaced after the optimiser was built, and is never trained",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("optim",), ("step",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the assignment that leaves the optimiser with the old parameters."""
    for replaced in replaced_parameters(program):
        built = replaced.optimizer.site
        where = f" ({place(built, replaced.site)})" if built is not None else ""
        yield Finding(
            replaced.site,
            f"`{replaced.name}` is replaced after the optimiser took the model's parameters{where}: the new parameters are never "
            "stepped; build the optimiser afterwards",
            (Note(built, "holds the old parameters"),) if built is not None else (),
        )
