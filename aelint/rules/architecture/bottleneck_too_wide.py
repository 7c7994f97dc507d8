"""The code has as many numbers as the data, and nothing else keeps the autoencoder from copying.

## What it does

Compares the narrowest layer between input and reconstruction with the size of a sample, in programs
without noise, dropout, quantisation, sparsity or weight decay.

## Why is this bad?

An autoencoder whose code is not smaller than its input can learn the identity: a small loss then says
nothing about the features. It is a matter of capacity, not a fault that changes the outputs by itself.

## Example

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 20))
x = torch.randn(64, 20)
loss = nn.functional.mse_loss(model(x), x)
```

## Use instead

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(20, 6), nn.ReLU(), nn.Linear(6, 20))
x = torch.randn(64, 20)
loss = nn.functional.mse_loss(model(x), x)
```

## Known limits

Sparse, denoising, contractive and variational autoencoders may be wider than their data; what marks them
is looked for in the whole program.

## References

- https://www.deeplearningbook.org/contents/autoencoders.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.bottlenecks import bottlenecks, is_regularized
from aelint.semantics.explanation.wording import layer_title

RULE = Rule(
    code="AEL110",
    name="bottleneck-too-wide",
    summary="the code is not smaller than the data, and nothing else limits it",
    severity=Severity.ADVICE,
    confidence=Confidence.MEDIUM,
    triggers=(("loss", "**", "pow"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the narrowest layer of each autoencoder that is too wide everywhere."""
    for found in bottlenecks(program):
        site = found.layer.site
        if found.code < found.data or site is None or is_regularized(program):
            continue
        message = (
            f"the narrowest layer, {layer_title(program, found.layer)}, gives {found.code} numbers for samples of "
            f"{found.data}: the network can copy its input. Use a smaller code, or noise or a penalty on it"
        )
        yield Finding(site, message)
