"""A contractive penalty that is not the squared norm of the code's Jacobian.

## What it does

Reports the written-out penalty of a contractive autoencoder, the slope `h * (1 - h)` of the code times a sum over the weights,
where the weights are summed before they are squared, or not squared at all, where the slope is not squared, and where the code
comes from another activation than a sigmoid, whose slope is another one.

## Why is this bad?

The penalty is to hold down how much the code moves with the input: the sum over all `(h_j (1 - h_j) W_ji)^2`. Weights that are
summed first cancel out, so that the penalty is small for large weights of both signs. A sum that is not squared can be negative,
and is lowered without end. And `h * (1 - h)` is the slope of a sigmoid: for a ReLU it has nothing to do with the Jacobian.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(784, 64), nn.Linear(64, 784)


def loss(x, weight=1e-4):
    h = torch.sigmoid(encoder(x))
    slope = h * (1 - h)
    jacobian = (slope**2 * encoder.weight.sum(dim=1) ** 2).sum(dim=1)
    return nn.functional.mse_loss(decoder(h), x) + weight * jacobian.mean()


loss(torch.rand(32, 784)).backward()
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(784, 64), nn.Linear(64, 784)


def loss(x, weight=1e-4):
    h = torch.sigmoid(encoder(x))
    slope = h * (1 - h)
    jacobian = (slope**2 * (encoder.weight**2).sum(dim=1)).sum(dim=1)
    return nn.functional.mse_loss(decoder(h), x) + weight * jacobian.mean()


loss(torch.rand(32, 784)).backward()
```

## Known limits

Penalties of several layers, and those that ask autograd for the Jacobian, are not judged.

## References

- Rifai et al., "Contractive Auto-Encoders: Explicit Invariance During Feature Extraction", 2011, equation 7:
  https://icml.cc/2011/papers/455_icmlpaper.pdf
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.objective.contraction_penalties import Defect, wrong_contractions

RULE = Rule(
    code="AEL335",
    name="contraction-penalty",
    summary="a contractive penalty is not the squared norm of the code's Jacobian",
    severity=Severity.WARNING,
    triggers=(("1 - ", "1.0 - ", "1. - ", "1-", "1.0-", "1.-"), ("sum",), ("weight", "parameter")),
)

_SAID = {
    Defect.SUMMED_FIRST: "the weights are summed before they are squared, so that those of different signs cancel out; the norm of the Jacobian is "
    "the sum of their squares: `(weight ** 2).sum(dim=1)`",
    Defect.NOT_SQUARED: "the weights are summed without being squared, so that the penalty can fall below zero; the norm of the Jacobian is the sum of "
    "their squares: `(weight ** 2).sum(dim=1)`",
    Defect.SLOPE_NOT_SQUARED: "the slope of the code counts once, and the squares of the weights beside it: the squared norm of the Jacobian takes the "
    "square of both, `(h * (1 - h)) ** 2`",
    Defect.OTHER_SLOPE: "`h * (1 - h)` is the slope of a sigmoid, but the code comes from {made}: {right}",
}
_SLOPES = {
    "tanh": "its slope is `1 - h ** 2`",
    "relu": "its slope is `(h > 0).float()`",
    "linear": "its slope is 1",
}


def check(program: Program) -> Iterator[Finding]:
    """Yield each part of a contractive penalty that is not the one of the formula."""
    for one in wrong_contractions(program):
        made = "a linear layer without an activation" if one.activation == "linear" else f"`{one.activation}`"
        right = _SLOPES.get(one.activation, "take its own slope, or ask autograd for the Jacobian")
        yield Finding(one.site, _SAID[one.defect].format(made=made, right=right))
