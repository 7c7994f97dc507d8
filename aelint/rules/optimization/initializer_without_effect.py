"""An initialiser is written, and the weights keep the values they had.

## What it does

Reports

- a branch that sets weights only of layers with a bias (`isinstance(m, nn.Conv2d) and m.bias is not
  None`), while no such layer of the program has one,
- a function given to `apply`, or a loop over `modules()`, of which no branch holds for any layer of the model,
- an initialiser in a training script that nothing calls, at the end of the constructor if it is a network's method,
- a weight that is filled and filled again at once, where the bias may be meant, and
- a loop over `parameters()` that binds its own name to a new tensor.

## Why is this bad?

Training runs from the default initialisation while the reader believes in another. Results that depend
on the initialisation (deep stacks without norms, small codes, tied scales) cannot be reproduced.

## Example

```python
from torch import nn


def init_weights(m):
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(m.bias)


model = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
model.apply(init_weights)
```

## Use instead

```python
from torch import nn


def init_weights(m):
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight)
        if m.bias is not None:
            nn.init.zeros_(m.bias)


model = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
model.apply(init_weights)
```

## Known limits

One branch of several that matches no layer is normal: initialisers are written for many models.

## References

- https://pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.initializers import (
    Idle,
    bias_conditions,
    never_applied,
    overwritten,
    rebound_parameters,
    written_twice,
)
from aelint.semantics.optimization.unmatched_initializers import unmatched

RULE = Rule(
    code="AEL407",
    name="initializer-without-effect",
    summary="an initialiser never changes the weights that it is written for",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("init", "apply", "parameters", "weight"), ("torch",)),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Report each initialiser without effect once."""
    for query, said in (
        (bias_conditions, _bias),
        (unmatched, _unmatched),
        (never_applied, _unused),
        (rebound_parameters, _rebound),
        (written_twice, _twice),
        (overwritten, _overwritten),
    ):
        for idle in query(program):
            yield Finding(idle.site, said(idle), _notes(idle))


def _bias(idle: Idle) -> str:
    return (
        f"`{idle.name}` holds for none of the {len(idle.layers)} layers of that kind: all are built with `bias=False`, so their "
        "weights keep the default initialisation; ask for the bias where the bias is set"
    )


def _unmatched(idle: Idle) -> str:
    kinds = ", ".join(sorted({layer.class_name for layer in idle.layers}))
    return (
        f"no branch of {idle.name} holds for any layer of this model ({kinds}), so no weight is changed; "
        "test for the kinds of layers that the model has"
    )


def _unused(idle: Idle) -> str:
    if idle.written is not None:
        return (
            f"the network is complete here, and nothing calls its `{idle.name}` ({place(idle.written, idle.site)}), which sets "
            "the weights: they keep the default initialisation. Call it here, or remove it"
        )
    return (
        f"`{idle.name}` sets weights, but nothing in this program calls it; pass it to the model's `apply` or remove it"
    )


def _rebound(idle: Idle) -> str:
    return (
        f"this binds the name `{idle.name}` to a new tensor and leaves the parameter as it is; change it in place "
        f"(`nn.init.normal_({idle.name})`, `{idle.name}.data.copy_(...)`)"
    )


def _twice(idle: Idle) -> str:
    layer = idle.layers[0]
    return (
        f"`{idle.name}` stands here for the second time, and nothing sets the weights of the {layer.class_name} that was built in "
        f"between ({place(layer.site, idle.site)}); name that layer here"
    )


def _overwritten(idle: Idle) -> str:
    return (
        f"the weight of `{idle.name}` is filled again below, so this has no effect, and nothing fills its bias: "
        f"use `{idle.name}.bias` here if that is meant, or delete the line"
    )


def _notes(idle: Idle) -> tuple[Note, ...]:
    written = () if idle.written is None else (Note(idle.written, "never called"),)
    kept = (Note(layer.site, "keeps its own initialisation") for layer in idle.layers[:2] if layer.site is not None)
    return (*written, *kept)
