"""`backward` is called on a tensor of many numbers.

## What it does

Reports `loss.backward()` where the loss is seen to hold more than one number: a loss with `reduction="none"` that nothing sums up, a
mean over the features that leaves one number for each sample.

## Why is this bad?

Gradients are those of one number. For any other tensor torch asks which gradient to start from, and raises: "grad can be
implicitly created only for scalar outputs".

## Example

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.functional.mse_loss(model(x), x, reduction="none").sum(1)
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.functional.mse_loss(model(x), x, reduction="none").sum(1).mean()
loss.backward()
```

## Known limits

The shape has to be known, but for the number of samples, which is taken to be more than one. What Lightning differentiates by
itself is not looked at.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import shape_text

RULE = Rule(
    code="AEL341",
    name="unreduced-loss",
    summary="`backward` is called on a tensor of many numbers",
    severity=Severity.ERROR,
    triggers=(("backward",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each backward pass, without a gradient to start from, of a tensor that has axes."""
    for call in backward_passes(program):
        loss = call.receiver
        given = call.args or call.kwargs.get("gradient") is not None
        if call.method != "backward" or given or not isinstance(loss, Sym) or loss.tensor is not True:
            continue
        if loss.shape is not None and _is_many(dims.product(loss.shape)):
            message = (
                f"this differentiates a tensor of shape {shape_text(loss.shape)}, and torch raises: gradients are those of one number. "
                "Reduce it first, `.mean()` or `.sum()`"
            )
            notes = () if loss.site is None else (Note(loss.site, "computed here"),)
            yield Finding(call.site, message, notes)


def _is_many(count: Dim) -> bool:
    """Whether there is certainly more than one number, where a batch has more than one sample."""
    match count:
        case int():
            return count > 1
        case Poly(terms=((monomial, factor),)):
            return factor > 1 or (factor == 1 and any(atom.batch for atom in monomial))
        case _:
            return False
