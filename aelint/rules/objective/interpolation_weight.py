"""A gradient penalty mixes each element of real and generated samples with a weight of its own.

## What it does

Reports `torch.rand_like(real)` and `torch.rand(real.shape)` as the weight of the points between real and generated
samples at which the gradient of a critic is penalised.

## Why is this bad?

The penalty of WGAN-GP holds the slope of the critic to one on the straight lines between pairs of samples: one random
number per sample. With one number per pixel the points are a real and a generated picture mixed as noise, all of them
half way on average, and the critic is not held where it is used.

## Example

```python
import torch


def gradient_penalty(critic, real, fake):
    alpha = torch.rand_like(real)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
```

## Use instead

```python
import torch


def gradient_penalty(critic, real, fake):
    alpha = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
```

## Known limits

One weight per channel is not reported. Weights that are drawn with NumPy are not followed.

## References

- https://arxiv.org/abs/1704.00028 (algorithm 1)
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.gradient_penalties import interpolations

RULE = Rule(
    code="AEL328",
    name="interpolation-weight",
    summary="a gradient penalty mixes samples with one weight per element, not per sample",
    severity=Severity.WARNING,
    triggers=(("rand",), ("grad(",), ("create_graph",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each draw of weights that has an axis too many."""
    for found in interpolations(program):
        site = found.weight.site
        if site is None or not found.is_per_element:
            continue
        message = (
            "each element of a sample is mixed with a weight of its own, so the gradient penalty is not taken on the lines between "
            "samples; draw one number per sample, of shape (samples, 1, ...)"
        )
        yield Finding(site, message, (Note(found.call.site, "the gradient that is penalised"),))
