"""A classification loss compares continuous pixels.

## What it does

Reports `cross_entropy` and `nll_loss` whose target is the floating-point input of the network itself, with one
channel or image axes, and which therefore treats channels as classes.

## Why is this bad?

`cross_entropy` takes a softmax over axis 1. With one channel that is always 1, so the loss is zero for every
output; with three it compares the shares of the colours and ignores brightness.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Conv2d(1, 1, 3, padding=1)
x = torch.rand(8, 1, 28, 28)
loss = F.cross_entropy(model(x), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Conv2d(1, 1, 3, padding=1)
x = torch.rand(8, 1, 28, 28)
loss = F.binary_cross_entropy_with_logits(model(x), x)
```

## Known limits

Class indices, one-hot and soft labels are what the loss is for; vectors are left alone, since they may be such.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import ancestors, through_reshapes
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.objective.attained import attained_range
from aelint.semantics.objective.comparisons import Comparison, comparisons

RULE = Rule(
    code="AEL315",
    name="classification-loss-on-reconstruction",
    summary="a classification loss compares continuous values",
    severity=Severity.WARNING,
    triggers=(("cross_entropy", "crossentropy", "nll"),),
)

_DISCRETE = frozenset(
    {
        "one_hot",
        "softmax",
        "gt",
        "lt",
        "ge",
        "le",
        "eq",
        "argmax",
        "round",
        "bernoulli",
        "scatter",
        "randint",
        "setitem",
    }
)
COLOURS = 4
"""With more channels than this they may be classes."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each classification loss on the continuous input."""
    for one in comparisons(program):
        if one.kind not in {"cross_entropy", "nll_loss"}:
            continue
        channels = _channels(one)
        if channels is not None:
            yield Finding(one.site, _message(one, channels))


def _channels(one: Comparison) -> int | None:
    """How many channels are taken for classes, where the target is certainly a picture."""
    target, shape = through_reshapes(one.second), one.second.shape
    if not isinstance(target, Sym) or one.second.kind != "float" or shape is None or len(shape) != 4:
        return None
    if not isinstance(shape[1], int) or shape[1] > COLOURS or one.first.shape is None or len(one.first.shape) != 4:
        return None
    history = list(ancestors(target))
    continuous = attained_range(target) is not None and not any(a.op in _DISCRETE for a in history)
    autoencodes = any(a is target for a in ancestors(one.first))
    return shape[1] if continuous and autoencodes else None


def _message(one: Comparison, channels: int) -> str:
    effect = "so the loss is the same for every output" if channels == 1 else "so only the shares of the colours count"
    return (
        f"`{one.kind}` compares continuous values of shape {shape_text(one.second.shape or ())}: it takes a softmax over "
        f"the {channels} channel{'s' if channels > 1 else ''}, {effect}. Use mse_loss or a binary cross-entropy"
    )
