"""A loss of `torch.nn` is built with the tensors that it should compare.

## What it does

Reports `nn.MSELoss(output, target)` and its like: a class that is given tensors where its settings belong.

## Why is this bad?

The classes of `torch.nn` build a layer, and the layer computes the loss: `nn.MSELoss()(output, target)`. With tensors in the
place of its settings the class either raises, or gives a layer where a number is wanted, and `backward` is no method of that.

## Example

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.MSELoss(model(x), x)
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.MSELoss()(model(x), x)
loss.backward()
```

## Known limits

The first setting of `CrossEntropyLoss`, `NLLLoss`, `BCELoss` and `BCEWithLogitsLoss` is a tensor of weights: there, two tensors tell.

## References

- https://docs.pytorch.org/docs/stable/nn.html#loss-functions
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.domain.values import Sym, Value

RULE = Rule(
    code="AEL336",
    name="uncalled-loss",
    summary="a loss is built with the tensors that it should compare",
    severity=Severity.ERROR,
    triggers=(
        ("mseloss", "l1loss", "huberloss", "bceloss", "bcewithlogitsloss", "crossentropyloss", "nllloss", "kldivloss"),
    ),
)

_WEIGHTED = frozenset({"CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss"})
"""Losses whose first setting is a tensor."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss that is given tensors in the place of settings."""
    for built in program.machine.objects:
        if not built.name.startswith("torch.nn.") or not built.class_name.endswith("Loss") or built.site is None:
            continue
        given = [a for a in built.args if _is_tensor(a)]
        if len(given) > (built.class_name in _WEIGHTED) and isinstance(built.site.node, ast.Call):
            yield Finding(built.site, _message(built.site.node))


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Sym) and any(one.tensor is True for one in parts(value))


def _message(node: ast.Call) -> str:
    named = ast.unparse(node.func)
    given = ", ".join(map(ast.unparse, node.args))
    return (
        f"`{named}` builds a loss, and takes its settings; it compares nothing yet. Build it, and then call it with the tensors: "
        f"`{named}()({given})`"
    )
