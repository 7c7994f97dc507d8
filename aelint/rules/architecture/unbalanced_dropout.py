"""What a random mask keeps is divided by the probability of being dropped, so that its mean is another.

## What it does

Reports a random mask that keeps a unit with one probability where the product with it divides by the other: units
kept with probability `p` and divided by `1 - p`, or kept with `1 - p` and divided by `p`.

## Why is this bad?

The division is there to leave the mean of the units as it was. Divided by the other probability the mean is off by
`p / (1 - p)`, and where it is the mask that is wrong, a network told to drop a tenth of its units drops nine tenths.
Nothing fails, and at one half the two are alike.

## Example

```python
import torch


def corrupt(x, p):
    mask = (torch.rand_like(x) < p).float()
    return x * mask / (1 - p)
```

## Use instead

```python
import torch


def corrupt(x, p):
    mask = (torch.rand_like(x) >= p).float()
    return x * mask / (1 - p)
```

## Known limits

Both probabilities have to be made from the same name in one function.

## References

- https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
- https://github.com/lmjohns3/theanets/pull/123
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.kept_units import unbalanced_masks
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL139",
    name="unbalanced-dropout",
    summary="units that a random mask keeps are divided by the probability of being dropped",
    severity=Severity.WARNING,
    triggers=(("rand", "uniform_", "bernoulli", "binomial"), ("/", "div")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each product that makes kept units larger by the wrong number."""
    for one in unbalanced_masks(program):
        within = one.mask.lies_in(one.site)
        where = "" if within else f" ({place(one.mask, one.site)})"
        message = (
            f"units are kept with probability `{one.kept}`{where} and divided by `{one.divisor}`: "
            f"keep with probability `{one.divisor}`, or divide by `{one.kept}`"
        )
        yield Finding(one.site, message, () if within else (Note(one.mask, "the mask is drawn here"),))
