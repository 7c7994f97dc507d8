"""A `forward` or `__getitem__` ends without giving back what it computed.

## What it does

Reports a network's `forward`, or a data set's `__getitem__`, that has statements but no `return` with a
value, where the program uses the result, or where the last statement leaves it in a local variable, or in no
place at all (`recon, mean, logvar` for `return recon, mean, logvar`).

## Why is this bad?

Python returns `None`. The error appears far away: in the next layer, in the loss, or in the function that
collects a batch.

## Example

```python
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        z = self.encoder(x)
        y = self.decoder(z)

x = torch.rand(8, 20)
loss = nn.functional.mse_loss(AE()(x), x)
```

## Use instead

```python
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z)

x = torch.rand(8, 20)
loss = nn.functional.mse_loss(AE()(x), x)
```

## Known limits

Methods that only raise or pass are interfaces, and classes that others inherit from may be completed there.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.usage import discarded_calls
from aelint.semantics.domain.values import ClassValue, Function, Instance
from aelint.syntax.walk import own_nodes

RULE = Rule(
    code="AEL124",
    name="missing-return",
    summary="a `forward` or `__getitem__` whose result is used returns nothing",
    severity=Severity.ERROR,
    triggers=(("def forward", "def __getitem__"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each method that forgets its result."""
    for cls in program.own_classes:
        inherited = any(cls in other.mro()[1:] for other in program.classes)
        forward, item = cls.namespace.get("forward"), cls.namespace.get("__getitem__")
        if isinstance(forward, Function) and _forgets(forward) and _is_lost(program, forward, cls, inherited=inherited):
            yield _finding(forward)
        if isinstance(item, Function) and _forgets(item) and not inherited:
            yield _finding(item)


def _is_lost(program: Program, forward: Function, cls: ClassValue, *, inherited: bool) -> bool:
    """Whether nothing can have the result. A class that others inherit from may be completed there."""
    return _ends_in_a_value(forward) or (not inherited and (_keeps_nothing(forward) or _is_used(program, cls)))


def _forgets(function: Function) -> bool:
    """Whether the body computes something, and no path returns it."""
    node = function.node
    if isinstance(node, ast.Lambda) or function.decorators:
        return False
    ends = (ast.Return, ast.Yield, ast.YieldFrom, ast.Raise)
    if any(isinstance(n, ends) and getattr(n, "value", n) is not None for n in own_nodes(node)):
        return False
    return any(isinstance(n, (ast.Assign, ast.AnnAssign)) for n in node.body)


def _ends_in_a_value(function: Function) -> bool:
    """Whether the last statement is a value that goes nowhere, where a `return` was meant."""
    match _last(function):
        case ast.Expr(value=ast.Name() | ast.Tuple() | ast.BinOp() | ast.Subscript()):
            return True
        case _:
            return False


def _keeps_nothing(function: Function) -> bool:
    """Whether the last value goes into a local variable, and no statement before it does anything but bind such ones."""
    match _last(function):
        case ast.Assign(targets=[ast.Name()], value=ast.Call()):
            return not any(_has_effect(n) for n in own_nodes(function.node))
        case _:
            return False


def _last(function: Function) -> ast.AST:
    body = function.node.body
    return body[-1] if isinstance(body, list) else body


def _has_effect(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()) | ast.Global() | ast.Nonlocal():
            return True
        case ast.Expr(value=ast.Call()):
            return True
        case _:
            return False


def _is_used(program: Program, cls: ClassValue) -> bool:
    discarded = {id(c.site.node) for c in discarded_calls(program)}
    calls = [c for c in program.calls if c.name == "network" and isinstance(c.callee, Instance) and c.callee.cls is cls]
    return any(id(c.site.node) not in discarded for c in calls if not isinstance(c.site.node, ast.FunctionDef))


def _finding(function: Function) -> Finding:
    node = function.node
    assert not isinstance(node, ast.Lambda)
    message = f"`{node.name}` computes its result and does not return it, so callers receive `None`. Add a `return`"
    return Finding(Site(function.module.unit, node.body[-1]), message)
