"""A small number that keeps a logarithm finite is lost in single precision.

## What it does

Reports logarithms and quotients of values that a small number is to keep away from zero, and does not: it is added to 1
before the value is subtracted from it, `1 + 1e-8 - p`, it is subtracted from 1 to bound the value from above,
`p.clamp(1e-8, 1 - 1e-8)`, or it is smaller than the smallest number of single precision. Likewise `atanh` of values that are
bounded so. And `log(1 - p - 1e-8)`, where it is taken away from what may be zero already.

## Why is this bad?

Single precision has seven digits: `1 + 1e-8` is 1, and so is `1 - 1e-8`. A sigmoid that saturates gives 1 exactly, from
logits of about 17 on, and the logarithm of the rest gives infinity, where everyone believes it guarded. One such pixel makes
the loss infinite, and times a target of zero it is not a number.

## Example

```python
import torch


def bernoulli_loss(p, x):
    return -torch.sum(x * torch.log(1e-8 + p) + (1 - x) * torch.log(1e-8 + 1 - p))
```

## Use instead

```python
import torch


def bernoulli_loss(p, x):
    return -torch.sum(x * torch.log(p + 1e-8) + (1 - x) * torch.log(1 - p + 1e-8))
```

## Known limits

The small number must be known, and one tensor be guarded with numbers. Files that mention double precision are left alone, and
so is numpy, which computes in it.

## References

- IEEE 754, binary32: the distance from 1 to the next smaller number is 2^-24, about 6e-8
- https://docs.pytorch.org/docs/stable/generated/torch.finfo.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.precision import LostGuard, lost_guards, subtracted_guards

RULE = Rule(
    code="AEL333",
    name="lost-epsilon",
    summary="a small number that keeps a logarithm finite is lost in single precision",
    severity=Severity.WARNING,
    triggers=(("torch",), ("log", "/", "atanh", "reciprocal", "rsqrt")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each guard that is rounded away."""
    for one in lost_guards(program):
        notes = () if one.node.site is None else (Note(one.node.site, "infinite here"),)
        yield Finding(one.site, _message(one), notes)
    for wrong in subtracted_guards(program):
        name = f"`{wrong.leaf.name}`" if wrong.leaf.name else "the value"
        message = (
            f"where {name} is {wrong.point:g}, the argument of the logarithm is {wrong.reached:.3g}, below zero, and the result is not "
            "a number: the small number is subtracted, and was to be added"
        )
        yield Finding(wrong.site, message)


def _message(one: LostGuard) -> str:
    name = f"`{one.leaf.name}`" if one.leaf.name else "the value"
    what = "the divisor" if one.node.op == "truediv" else f"the argument of `{one.node.op}`"
    where = "" if one.node.site is None or one.node.site.row == one.site.row else f" ({place(one.node.site, one.site)})"
    if one.bound is not None:
        return (
            f"single precision cannot hold the bound {one.bound!r} and rounds it, so {what}{where} is {one.limit:g} where {name} is "
            f"{one.point:g}, and the result infinite. Leave 1e-6"
        )
    return (
        f"where {name} is {one.point:g}, {what} is {one.limit:g} and not {one.meant:.3g}: single precision rounds the small number "
        "away, and the result is infinite. Add it last, to what is close to zero, or use 1e-6"
    )
