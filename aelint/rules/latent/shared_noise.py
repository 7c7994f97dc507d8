"""All samples of a batch, or all units of a code, share one draw of noise.

## What it does

Compares the shape of the noise with the shape of the mean in a reparameterised sample, and reports noise that is
broadcast over the batch or over the units.

## Why is this bad?

The gradient of a batch averages over independent draws; with one draw for the whole batch its variance does not
shrink. With one number for all units the posterior is a line, not the diagonal Gaussian of the KL divergence. Neither
raises, because torch broadcasts.

## Example

```python
import torch
from torch import nn


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        return mean + torch.exp(0.5 * logvar) * torch.randn(20)


posterior = Posterior()
z = posterior(torch.rand(64, 784))
```

## Use instead

```python
import torch
from torch import nn


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


posterior = Posterior()
z = posterior(torch.rand(64, 784))
```

## Known limits

Shapes that are unknown are not judged. Noise whose name says that it is shared is taken for intended.

## References

- Kingma, Salimans and Welling, Variational Dropout and the Local Reparameterization Trick, 2015, section 2.2
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Shape
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.latent.posteriors import POSITIVE_MAPS, Posterior, posteriors
from aelint.syntax.names import is_own_attribute
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL207",
    name="shared-noise",
    summary="one draw of noise serves the whole batch, or all units of a code",
    severity=Severity.WARNING,
    triggers=(("randn", "normal"),),
)

_ON_PURPOSE = re.compile(r"shared|common|fixed", re.IGNORECASE)


def check(program: Program) -> Iterator[Finding]:
    """Samples whose noise is broadcast."""
    for one in posteriors(program):
        noise, mean = one.noise, one.mean
        if noise is None or mean is None or not _is_posterior(one) or noise.shape is None or mean.shape is None:
            continue
        if noise.site is None or any(_ON_PURPOSE.search(n) for n in (noise.name, *noise.names)):
            continue
        axis = _broadcast_axis(noise.shape, mean.shape)
        if axis is not None and not (axis == 0 and _encodes_one(program, noise.site)):
            what = (
                "sample of the batch"
                if axis == 0
                else "unit of the code"
                if axis == len(mean.shape) - 1
                else "position"
            )
            message = (
                f"every {what} gets the same noise: its shape is {shape_text(noise.shape)}, "
                f"the mean's is {shape_text(mean.shape)}; draw it with `torch.randn_like`"
            )
            yield Finding(noise.site, message, (Note(one.site, "here it is broadcast"),))


def _encodes_one(program: Program, site: Site) -> bool:
    """Whether the function that draws the noise encodes a list of one: `self.encode([molecule])` is a batch of one."""
    for function in program.functions:
        node = function.node
        if site.lies_in(Site(function.module.unit, node)):
            calls = (n for n in every(ast.Call, node) if isinstance(n.func, ast.Attribute))
            if any(
                isinstance(a, ast.List) and len(a.elts) == 1 for n in calls if is_own_attribute(n.func) for a in n.args
            ):
                return True
    return False


def _is_posterior(one: Posterior) -> bool:
    law = one.law
    return (
        one.learned
        and law is not None
        and (law.exponential or law.head.op in POSITIVE_MAPS)
        and law.head.op != "parameter"
    )


def _broadcast_axis(noise: Shape, mean: Shape) -> int | None:
    """The first axis along which one draw serves several."""
    if len(mean) < 2 or len(noise) > len(mean):
        return None
    padded = (1,) * (len(mean) - len(noise)) + noise
    return next((i for i, (a, b) in enumerate(zip(padded, mean, strict=True)) if a == 1 and b != 1), None)
