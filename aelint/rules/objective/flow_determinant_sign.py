"""The log-determinant of a normalising flow has the wrong sign.

## What it does

Reports a step of a flow that returns `x * exp(s)` with minus the sum of `s`, or `x * exp(-s)` with plus the sum; and a
loss that holds the square of a flow's output and adds the logarithm of its determinant where that must be subtracted.

## Why is this bad?

The density of z = f(x) is p(z) |det df/dx|. With the sign of the logarithm turned, volume is paid for instead of
rewarded: the flow learns to squeeze everything together, and reported likelihoods are those of no density.

## Example

```python
import torch


def inverse(z, s, t):
    return (z - t) * torch.exp(-s), s.sum(dim=1)


x, log_det = inverse(torch.rand(8, 4), torch.rand(8, 4), torch.rand(8, 4))
```

## Use instead

```python
import torch


def inverse(z, s, t):
    return (z - t) * torch.exp(-s), -s.sum(dim=1)


x, log_det = inverse(torch.rand(8, 4), torch.rand(8, 4), torch.rand(8, 4))
```

## Known limits

Scales that are no exponential, and steps that add the logarithm to an argument, are not judged.

## References

- Rezende and Mohamed, Variational Inference with Normalizing Flows, 2015: https://arxiv.org/abs/1505.05770
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.flows import reversed_determinants, rewarded_determinants

RULE = Rule(
    code="AEL330",
    name="flow-determinant-sign",
    summary="the log-determinant of a flow has the wrong sign",
    severity=Severity.ERROR,
    triggers=(("exp", "log"), ("sum", "abs")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each step, then each loss, with a log-determinant of the wrong sign."""
    for one in reversed_determinants(program):
        message = (
            f"the tensor is scaled with the exponential of {one.name} ({place(one.scaled, one.site)}), and its log-determinant has "
            "the opposite sign here: both have the sign of the exponent"
        )
        yield Finding(one.site, message, (Note(one.scaled, "scaled here"),))
    for one in rewarded_determinants(program):
        message = (
            "the loss grows with the log-determinant of the flow, but a density of the flow's output "
            f"({place(one.scaled, one.site)}) is multiplied by the determinant: subtract its logarithm from the loss"
        )
        yield Finding(one.site, message, (Note(one.scaled, "the density of the output"),))
