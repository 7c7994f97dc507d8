"""The result of `load_state_dict` is used as if it were the model.

## What it does

Reports a result of `load_state_dict` that replaces the model or on which a module's method is called.

## Why is this bad?

`load_state_dict` fills the module in place and returns the lists of missing and unexpected keys
(nothing at all, for an optimiser). The next use raises `AttributeError` or `TypeError`.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 4)
model = model.load_state_dict(torch.load("model.pt"))
```

```python
import torch
from torch import nn

model = nn.Linear(20, 4)
restored = model.load_state_dict(torch.load("model.pt")).eval()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 4)
model.load_state_dict(torch.load("model.pt"))
model.eval()
```

## Known limits

A project's own method of this name is not judged.

## References

- https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym
from aelint.semantics.interpreter.modules import METHODS

RULE = Rule(
    code="AEL604",
    name="chained-load",
    summary="the result of load_state_dict, which is no model, is used as the model",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(("load_state_dict",),),
)

_MODEL_METHODS = METHODS | {"forward", "encode", "decode", "step", "zero_grad", "__call__"}


def check(program: Program) -> Iterator[Finding]:
    """Report the load whose result is taken for the model."""
    loads = {c.result.id: c for c in program.method_calls("load_state_dict") if _is_torchs(c)}
    for load, use in (*_called(program, loads), *_bound(program, loads)):
        yield Finding(
            load.site,
            f"`load_state_dict` fills the module in place and returns no module, but {use}; call it on a line of its own "
            "and go on with the module",
        )


def _is_torchs(call: Call) -> bool:
    return not isinstance(call.callee, Function) and isinstance(call.result, Sym)


def _called(program: Program, loads: dict[int, Call]) -> Iterator[tuple[Call, str]]:
    for call in program.calls:
        for used in (call.receiver, call.callee):
            if isinstance(used, Sym) and used.id in loads and (used is call.callee or call.method in _MODEL_METHODS):
                yield (
                    loads[used.id],
                    f"`.{call.method}` is called on its result" if call.method else "its result is called",
                )


def _bound(program: Program, loads: dict[int, Call]) -> Iterator[tuple[Call, str]]:
    for event in program.assignments:
        if isinstance(event.value, Sym) and event.value.id in loads:
            load, target = loads[event.value.id], ast.unparse(event.site.node)
            match load.site.node:
                case ast.Call(func=ast.Attribute(value=receiver)) if ast.unparse(receiver) == target:
                    yield load, f"`{target}` is replaced by its result"
