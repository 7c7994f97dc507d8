"""The code is one number, or less than a hundredth of a percent of the data.

## What it does

Compares the narrowest layer between input and reconstruction with the size of a sample.

## Why is this bad?

What the code cannot hold, the reconstruction cannot show: pictures turn out alike and blurred, near the
mean of the data. Two or three numbers are usual where the code is plotted; one is a curve.

## Example

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(784, 1), nn.Tanh(), nn.Linear(1, 784))
x = torch.rand(64, 784)
loss = nn.functional.mse_loss(model(x), x)
```

## Use instead

```python
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(784, 16), nn.Tanh(), nn.Linear(16, 784))
x = torch.rand(64, 784)
loss = nn.functional.mse_loss(model(x), x)
```

## Known limits

How many numbers the data need is not known from the source; the limits are far below what is usual.

## References

- https://www.deeplearningbook.org/contents/autoencoders.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.bottlenecks import bottlenecks
from aelint.semantics.explanation.wording import layer_title

RULE = Rule(
    code="AEL111",
    name="bottleneck-too-narrow",
    summary="the code holds far less than the data",
    severity=Severity.ADVICE,
    confidence=Confidence.MEDIUM,
    triggers=(("loss", "**", "pow"),),
    options={"smallest-share": 0.0002},
)


def check(program: Program, options: Mapping[str, int | float | str | bool]) -> Iterator[Finding]:
    """Yield the narrowest layer of each autoencoder whose code is tiny."""
    share = float(options["smallest-share"])
    for found in bottlenecks(program):
        site = found.layer.site
        tiny = (found.code == 1 and found.data > 2) or found.code < share * found.data
        if not tiny or site is None:
            continue
        message = (
            f"{layer_title(program, found.layer)} leaves {found.code} of {found.data} numbers per sample; "
            "reconstructions will be alike. Use a wider code"
        )
        yield Finding(site, message)
