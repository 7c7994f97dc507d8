"""A classification loss compares continuous pixels, or a loss for yes and no compares classes.

## What it does

Reports `cross_entropy` and `nll_loss` whose target is the floating-point input of the network itself, with one
channel or image axes, and which therefore treats channels as classes. Also `binary_cross_entropy` of the output of a softmax
with one-hot targets, if its mean is added to another term.

## Why is this bad?

`cross_entropy` takes a softmax over axis 1. With one channel that is always 1, so the loss is zero for every
output; with three it compares the shares of the colours and ignores brightness.

The other way round, a binary cross-entropy takes each class for a question of its own, and its mean divides by the number of
classes: a text of 35 characters is reconstructed with a small part of the weight that its likelihood has, and the divergence
beside it empties the code.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Conv2d(1, 1, 3, padding=1)
x = torch.rand(8, 1, 28, 28)
loss = F.cross_entropy(model(x), x)
```

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Linear(8, 35)
letters = torch.randint(0, 35, (16,))
probabilities = F.softmax(decoder(torch.randn(16, 8)), dim=-1)
loss = F.binary_cross_entropy(probabilities, F.one_hot(letters, 35).float()) + decoder.weight.abs().mean()
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Linear(8, 35)
letters = torch.randint(0, 35, (16,))
loss = F.cross_entropy(decoder(torch.randn(16, 8)), letters) + decoder.weight.abs().mean()
```

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Conv2d(1, 1, 3, padding=1)
x = torch.rand(8, 1, 28, 28)
loss = F.binary_cross_entropy_with_logits(model(x), x)
```

## Known limits

Class indices, one-hot and soft labels are what the loss is for; vectors are left alone, since they may be such. A binary
cross-entropy that is summed, or that stands alone, is left alone, too: its minimum is at the same place.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import ancestors, through_reshapes
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place, shape_text
from aelint.semantics.objective.attained import attained_range
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.semantics.objective.exclusive_classes import separate_classes

RULE = Rule(
    code="AEL315",
    name="classification-loss-on-reconstruction",
    summary="a classification loss compares continuous values, or a binary one compares classes",
    severity=Severity.WARNING,
    triggers=(("cross_entropy", "crossentropy", "nll", "bceloss"),),
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
    """Yield each classification loss on the continuous input, and each binary one on classes."""
    for one in comparisons(program):
        if one.kind not in {"cross_entropy", "nll_loss"}:
            continue
        channels = _channels(one)
        if channels is not None:
            yield Finding(one.site, _message(one, channels))
    for classes in separate_classes(program):
        made = classes.softmax.site
        message = (
            f"of these {classes.classes} classes exactly one holds (softmax, {place(made, classes.loss)}, and a one-hot target), but "
            "`binary_cross_entropy` takes each for a question of its own and averages over them: beside the other term it weighs "
            "a small part of the likelihood. Use `cross_entropy` on what goes into the softmax"
        )
        yield Finding(classes.loss, message, (Note(made, "the softmax"),) if made is not None else ())


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
