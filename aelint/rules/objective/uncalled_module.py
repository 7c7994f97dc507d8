"""A layer or a loss of `torch.nn` is built with the tensors that it should be called with.

## What it does

Reports `nn.MSELoss(output, target)`, `nn.ReLU(hidden)` and their like: a class that is given tensors where its settings belong.

## Why is this bad?

The classes of `torch.nn` build a module, and the module computes: `nn.MSELoss()(output, target)`. With tensors in the
place of its settings the class either raises, or gives a module where a tensor is wanted, and the next layer, or `backward`,
can do nothing with that.

## Example

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.MSELoss(nn.ReLU(model(x)), x)
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

model, x = nn.Linear(8, 8), torch.rand(4, 8)
loss = nn.MSELoss()(torch.relu(model(x)), x)
loss.backward()
```

## Known limits

The first setting of `CrossEntropyLoss`, `NLLLoss`, `BCELoss` and `BCEWithLogitsLoss` is a tensor of weights: there, two tensors tell.
Layers with weights of their own are not looked at: their sizes may be computed.

## References

- https://docs.pytorch.org/docs/stable/nn.html#loss-functions
- https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.domain.values import Object, Sym, Value

RULE = Rule(
    code="AEL336",
    name="uncalled-module",
    summary="a layer or a loss is built with the tensors that it should be called with",
    severity=Severity.ERROR,
    triggers=(("loss(", "relu(", "elu(", "sigmoid(", "tanh(", "softmax(", "softplus(", "dropout", "flatten(", "pool"),),
)

_WEIGHTED = frozenset({"CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss"})
"""Losses whose first setting is a tensor."""

_LAYERS = frozenset(
    {
        "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Sigmoid", "LogSigmoid", "Tanh", "Hardtanh",
        "Softplus", "Softsign", "Softmax", "LogSoftmax", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "Flatten",
        "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
    }
)  # fmt: skip
"""Layers whose settings are numbers and switches."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss, or layer without weights, that is given tensors in the place of settings."""
    for built in program.machine.objects:
        if not built.name.startswith("torch.nn.") or built.site is None or not isinstance(built.site.node, ast.Call):
            continue
        if _is_given_tensors(built):
            yield Finding(built.site, _message(built))


def _is_given_tensors(built: Object) -> bool:
    name = built.class_name
    given = [a for a in built.args if _is_tensor(a)]
    if name.endswith("Loss"):
        return len(given) > (name in _WEIGHTED)
    # A rate may be a tensor of no axes.
    return name in _LAYERS and any(not (isinstance(one, Sym) and one.shape == ()) for one in given)


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Sym) and any(one.tensor is True for one in parts(value))


def _message(built: Object) -> str:
    assert built.site is not None
    assert isinstance(built.site.node, ast.Call)
    node = built.site.node
    kind, use = ("loss", "compares") if built.class_name.endswith("Loss") else ("layer", "computes")
    named, given = ast.unparse(node.func), ", ".join(map(ast.unparse, node.args))
    return (
        f"`{named}` builds a {kind}, and takes its settings; it {use} nothing yet. Build it, and then call it with the "
        f"tensor{'s' if len(node.args) > 1 else ''}: `{named}()({given})`"
    )
