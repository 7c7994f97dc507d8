"""The log-variance of a posterior is exponentiated without a bound.

## What it does

Reports (as advice) a sample whose standard deviation is the exponential of a layer's output, with no clamp, tanh
or other bound in between.

## Why is this bad?

`exp` overflows float32 above 88 and float16 above 11. One input far outside of the training data, or one large step at
the start of a deep model, makes the loss infinite and every weight `nan` afterwards.

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
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
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
        mean, logvar = self.mean(x), self.logvar(x).clamp(-30.0, 20.0)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
```

## Known limits

Most small models train well without a bound, which is why this is advice.

## References

- Child, Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images, 2021, section 3.2
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.posteriors import exponential_of, posteriors

RULE = Rule(
    code="AEL210",
    name="unbounded-log-variance",
    summary="the log-variance of a posterior is exponentiated without a bound",
    severity=Severity.ADVICE,
    triggers=(("exp",), ("rand", "normal")),
)

_LARGEST = 80.0
"""Just below the exponent at which float32 overflows."""


def check(program: Program) -> Iterator[Finding]:
    """Exponentials of unbounded heads."""
    for one in posteriors(program):
        made = exponential_of(one)
        if made is None or made.site is None or one.head is None:
            continue
        if one.learned and _is_output(one.head) and _is_unbounded(made):
            name = one.head.name or "the head"
            message = f"`{name}` has no bound before it is exponentiated; clamp it (-30 to 20 is usual) so that no input can overflow"
            yield Finding(made.site, message, (Note(one.site, "the sample"),))


def _is_output(head: Sym) -> bool:
    """Whether a layer gives the head, or a part of its output is."""
    return head.layer is not None or head.op in {"item", "getitem"}


def _is_unbounded(made: Sym) -> bool:
    argument = made.attrs.get("input")
    return isinstance(argument, Sym) and argument.range.high > _LARGEST
