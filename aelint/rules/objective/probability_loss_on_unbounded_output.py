"""Binary cross-entropy on probabilities receives values that are none.

## What it does

Reports `binary_cross_entropy` and `BCELoss` whose input is the output of a linear or convolution layer, or of
an activation that leaves [0, 1], on every path.

## Why is this bad?

torch raises `all elements of input should be between 0 and 1`, on a GPU as a device-side assertion that says
nothing. Where it does not raise by luck, the logarithm is undefined from the next step on.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784))


def loss(z, x):
    return F.binary_cross_entropy(decoder(z), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())


def loss(z, x):
    return F.binary_cross_entropy(decoder(z), x)
```

## Known limits

The network must be in sight.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.lineage import origins
from aelint.semantics.values import Sym, Value
from aelint.semantics.wording import place

RULE = Rule(
    code="AEL309",
    name="probability-loss-on-unbounded-output",
    summary="binary cross-entropy receives an output that is not confined to [0, 1]",
    severity=Severity.ERROR,
    triggers=(("binary_cross_entropy", "bceloss"),),
)

_AFFINE = frozenset(
    {
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "batch_norm", "layer_norm", "group_norm", "instance_norm",
    }
)  # fmt: skip
_ACTIVATIONS = frozenset(
    {"relu", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "selu", "log_softmax", "prelu"}
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss on probabilities whose input is certainly none on all paths."""
    seen: set[int] = set()
    for call in program.calls_to("binary_cross_entropy"):
        unbounded = _unbounded(call.bound.get("input"))
        if unbounded is None or call.context.speculative or id(call.site.node) in seen:
            continue
        seen.add(id(call.site.node))
        message = (
            f"`binary_cross_entropy` needs values in [0, 1], but its input is the output of {unbounded.op} "
            f"({place(unbounded.site, call.site)}){_range(unbounded)}. End the network in a sigmoid, or use "
            "binary_cross_entropy_with_logits"
        )
        notes = (Note(unbounded.site, "the last operation before the loss"),) if unbounded.site else ()
        yield Finding(call.site, message, notes)


def _unbounded(value: Value) -> Sym | None:
    found = [o for o in origins(value) if isinstance(o, Sym)]
    if not found or len(found) != len(origins(value)):
        return None
    return found[0] if all(_leaves_unit(o) for o in found) else None


def _leaves_unit(value: Sym) -> bool:
    if value.op in _AFFINE:
        return True
    return value.op in _ACTIVATIONS and (value.range.low < -0.01 or value.range.high > 1.01)


def _range(value: Sym) -> str:
    return "" if value.range.unknown else f", in {value.range}"
