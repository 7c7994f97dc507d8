"""`F.dropout` without `training=`, or a dropout layer made in `forward`, drops values at inference as well.

## What it does

Reports calls of `torch.nn.functional.dropout` and its relatives in networks that do not pass `training`, and dropout
layers that a network's pass makes anew and applies at once.

## Why is this bad?

The function's default is `training=True`, and it does not know about `model.eval()`. A layer that `forward` makes is no
part of the network, so `eval()` does not reach it either. Reconstructions, codes and scores then differ from call to call.

## Example

```python
import torch.nn as nn
import torch.nn.functional as F

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 32)

    def forward(self, x):
        return F.dropout(self.fc(x), 0.2)
```

## Use instead

```python
import torch.nn as nn
import torch.nn.functional as F

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 32)

    def forward(self, x):
        return F.dropout(self.fc(x), 0.2, training=self.training)
```

## Known limits

Dropout of the input itself (the corruption of a denoising autoencoder), calls under a condition, and
functions outside of networks are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Rewrite, Rule
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Sym
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.objective.comparisons import is_output
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL120",
    name="functional-dropout-always-on",
    summary="`F.dropout` without `training=`, or a dropout layer made in `forward`, drops values at inference as well",
    severity=Severity.WARNING,
    triggers=(("dropout",),),
)

_LAYERS = ("torch.nn.Dropout", "torch.nn.AlphaDropout", "torch.nn.FeatureAlphaDropout")
_METHODS = frozenset({"forward", "encode", "decode", "reconstruct", "embed", "predict"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each dropout that no mode switches off."""
    for call in program.calls:
        node = call.site.node
        if isinstance(node, ast.Call) and _is_always_on(call, node) and _is_inner(call):
            yield _finding(call, node)
        elif call.name.startswith(_LAYERS) and _is_made_in_pass(program, call):
            message = (
                "this layer is made anew in each pass and starts in training mode: no `eval()` reaches it, and values are dropped at "
                "inference too. Make it once, in `__init__`"
            )
            yield Finding(call.site, message)


def _is_made_in_pass(program: Program, call: Call) -> bool:
    """Whether a network's pass makes the layer, keeps it nowhere, and applies it whatever the mode."""
    function = call.context.function
    if function is None or function.owner is None or not is_network(function.owner) or call.context.guards:
        return False
    if function.name not in _METHODS or call.bound.get("p") == 0 or _asks_for_mode(function.node):
        return False
    kept = any(store.value is call.result for store in program.stores)
    return not kept and any(c.receiver is call.result and "dropout" in c.name for c in program.calls)


def _asks_for_mode(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in {"training", "train", "eval"} for n in walk(node))


def _is_always_on(call: Call, node: ast.Call) -> bool:
    name = call.callee.name if isinstance(call.callee, External) else ""
    functional = name.startswith("torch.nn.functional.") and name.endswith(
        ("dropout", "dropout1d", "dropout2d", "dropout3d")
    )
    given = len(node.args) > 2 or any(k.arg in {"training", None} for k in node.keywords)
    rate = call.bound.get("p")
    if _is_callers_choice(call, node):
        return False
    return functional and not given and not any(isinstance(a, ast.Starred) for a in node.args) and rate != 0


def _is_callers_choice(call: Call, node: ast.Call) -> bool:
    """Whether the rate is an argument of the function: who evaluates gives 0."""
    written = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "p"), None)
    function = call.context.function
    if function is None or not isinstance(written, ast.Name):
        return False
    return any(a.arg == written.id for a in parameters(function.node))


def _is_inner(call: Call) -> bool:
    """Whether a network's own pass calls it on something that layers computed, under no condition."""
    function = call.context.function
    if function is None or function.owner is None or not is_network(function.owner) or call.context.guards:
        return False
    value = call.args[0] if call.args else None
    return function.name in _METHODS and isinstance(value, Sym) and is_output(value)


def _finding(call: Call, node: ast.Call) -> Finding:
    message = "`training` defaults to True here, so values are dropped in `eval()` mode as well. Pass `training=self.training`"
    text = call.site.text
    rewrite = Rewrite(
        "pass the mode",
        ((call.site, f"{text[:-1].rstrip().rstrip(',')}, training=self.training)"),),
        Applicability.UNSAFE,
    )
    return Finding(call.site, message, (), rewrite if node.args else None)
