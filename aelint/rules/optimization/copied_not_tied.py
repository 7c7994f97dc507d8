"""Weights that should be tied are copied once.

## What it does

Reports a weight that is filled from another layer's weight by `copy_` or through `clone()`, once, in a
function or branch whose name speaks of tied or shared weights; and a parameter that is made from a clone
of a layer's weight, in a network that calls itself tied by its name or its documentation.

## Why is this bad?

A copy is equal for one step. From the first update on, encoder and decoder go their own ways, with
twice the parameters and without the constraint.

## Example

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(784, 32), nn.Linear(32, 784)
        self.tie_weights()

    def tie_weights(self):
        self.decoder.weight.data.copy_(self.encoder.weight.data.t())

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))
```

## Use instead

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 32)
        self.bias = nn.Parameter(torch.zeros(784))

    def forward(self, x):
        return nn.functional.linear(torch.tanh(self.encoder(x)), self.encoder.weight.t(), self.bias)
```

## Known limits

A copy whose purpose is a good start is recognised by the absence of such a name.

## References

- Vincent et al., "Stacked Denoising Autoencoders", 2010 (tied weights)
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.optimization.tying import copied_weights

RULE = Rule(
    code="AEL410",
    name="copied-not-tied",
    summary="weights that are meant to be tied are copied once and drift apart",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("tie", "tying", "share"), ("weight",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the copy."""
    for copied in copied_weights(program):
        notes = [
            Note(layer.site, "goes its own way")
            for layer in (copied.source, copied.target)
            if layer is not None and layer.site is not None
        ]
        yield Finding(
            copied.site,
            "this copies the numbers once: the two weights are separate parameters and differ after the first step; use one "
            "parameter in both places (`nn.functional.linear(x, encoder.weight.t())`)",
            tuple(notes),
        )
