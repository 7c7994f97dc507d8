"""A ReLU on a code of very few units, which can die and leave one output for every input.

## What it does

Finds the code of an autoencoder by dataflow: a linear layer that narrows, one that widens, and a reconstruction that
depends on the input through nothing else. Reports a ReLU on a code of at most `units` units (2 by
default).

## Why is this bad?

A unit behind a ReLU that is negative for every sample has no gradient and never comes back. With two units both
die in 5 to 8 % of random initialisations on data that is all positive, and far more often on data without
structure; the decoder then sees zeros and reconstructs every input alike. With 8 units this was never seen. The ReLU also
takes three quarters of a two-dimensional code's plane away for nothing.

## Example

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Use instead

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2))
        self.decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Known limits

Codes of unknown size, feature maps and codes with a path around them are not judged.

## References

- Lu, Shin, Su and Karniadakis, Dying ReLU and Initialization: Theory and Numerical Examples, 2020
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics.dataflow.program import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.vector_codes import vector_codes

RULE = Rule(
    code="AEL201",
    name="rectified-code",
    summary="a ReLU on a code of very few units",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("relu",), ("linear",)),
    options={"units": 2},
)


def check(program: Program, options: Mapping[str, object]) -> Iterator[Finding]:
    """Rectified codes that are small enough to die."""
    limit = options["units"]
    assert isinstance(limit, int)
    for one in vector_codes(program):
        relu, narrowing = one.activation, one.narrowing.site
        if (
            relu is None
            or relu.op not in {"relu", "relu6"}
            or relu.site is None
            or narrowing is None
            or one.units > limit
        ):
            continue
        units = "1 unit" if one.units == 1 else f"{one.units} units"
        message = (
            f"ReLU on a code of {units} (made on {place(narrowing, relu.site)}): a unit that is negative for every sample has no gradient "
            "and stays dead, and when all are dead every input gives the same output; leave the code linear"
        )
        yield Finding(relu.site, message, (Note(narrowing, f"the code of {units} is made here"),))
