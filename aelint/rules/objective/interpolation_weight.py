"""An interpolation mixes single elements, or has one end twice, or the slope on it is measured over one axis only.

## What it does

Reports `torch.rand_like(real)` and `torch.rand(real.shape)` as the weight of the points between real and generated
samples at which the gradient of a critic is penalised; a norm of such a gradient over one axis where a sample has several;
and any `(1 - t) * a + t * b` whose two ends are the same tensor. And a function that interpolates, a `slerp` say, of which one
`return` goes from the first end to the second and another one back.

## Why is this bad?

The penalty of WGAN-GP holds the slope of the critic to one on the straight lines between pairs of samples: one random
number per sample. With one number per pixel the points are a real and a generated picture mixed as noise, all of them
half way on average, and the critic is not held where it is used. A norm over the channels of a picture draws the gradient of
each pixel to one, and that of the sample to the root of their number. A short cut for ends that lie close together, with the ends exchanged, lets a
walk jump back where it is taken. Between a tensor and itself lies nothing: a walk
through the latent space shows one picture several times.

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
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.exchanged_ends import exchanged_ends
from aelint.semantics.objective.gradient_penalties import interpolations, mixed_with_itself, partial_norms

RULE = Rule(
    code="AEL328",
    name="interpolation-weight",
    summary="an interpolation has one weight per element or one end twice, or its gradient is measured over one axis only",
    severity=Severity.WARNING,
    triggers=(("create_graph", "interpol", "linspace", "lerp", "1 -", "1.0 -", "1.0-", "1-"),),
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
    for call, rank in partial_norms(program):
        message = (
            f"this norm runs over one of the {rank} axes of the gradient: the norm at each pixel is drawn to 1, not that of a sample; "
            "flatten the gradient from axis 1 on first"
        )
        yield Finding(call.site, message)
    for node, site in mixed_with_itself(program):
        notes = (Note(node.site, "the interpolation"),) if node.site is not None and node.site is not site else ()
        message = "both ends of an interpolation are the same tensor, and so is every point between them; give it two different ends"
        yield Finding(site, message, notes)
    for ends in exchanged_ends(program):
        message = (
            f"with `{ends.weight} = 0` this is one end, and what is returned on {place(ends.other, ends.site)} the other one: `{ends.first}` and "
            f"`{ends.second}` have changed places"
        )
        yield Finding(ends.site, message, (Note(ends.other, "the other way round here"),))
