"""A leaky rectifier with slope 1 passes everything, and dropout with rate 1 passes nothing.

## What it does

Reports `LeakyReLU` whose slope is 1, and dropout whose rate is 1, as layers and as functions. Most often a flag that was
meant for `inplace` or `training` stands in the place of the first number: `nn.LeakyReLU(True)`, `F.dropout(x, self.training)`.

## Why is this bad?

`True` is the number 1. With slope 1 the rectifier is the identity, so that the layers around it collapse into a single
linear one; with rate 1 everything becomes zero.

## Example

```python
from torch import nn

encoder = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(True), nn.Linear(128, 16))
```

## Use instead

```python
from torch import nn

encoder = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(inplace=True), nn.Linear(128, 16))
```

## Known limits

Slopes that are computed when the program runs are not judged.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Value

RULE = Rule(
    code="AEL136",
    name="identity-activation",
    summary="a leaky rectifier has slope 1, or dropout the rate 1, often because a flag stands for the number",
    severity=Severity.WARNING,
    triggers=(("leakyrelu", "leaky_relu", "dropout"),),
)

_LEAKY = frozenset({"torch.nn.LeakyReLU", "torch.nn.functional.leaky_relu", "torch.nn.functional.leaky_relu_"})
_RATES = ("torch.nn.Dropout", "torch.nn.AlphaDropout", "torch.nn.functional.dropout")


def check(program: Program) -> Iterator[Finding]:
    """Yield each layer or function whose number makes it pass everything, or nothing."""
    for call in program.calls:
        name = call.callee.name if isinstance(call.callee, External) else ""
        if name in _LEAKY and _is_one(_slope(call, "negative_slope")):
            yield Finding(call.site, _said(call, "negative_slope", "the slope is 1, so every value passes as it is"))
        elif name.startswith(_RATES) and (_slope(call, "p") is True or _takes_mode_for_rate(call)):
            yield Finding(call.site, _said(call, "p", "the rate is 1, so nothing passes"))


def _slope(call: Call, name: str) -> Value:
    place = 1 if isinstance(call.callee, External) and ".functional." in call.callee.name else 0
    return call.bound.get(name, call.kwargs.get(name, call.args[place] if len(call.args) > place else None))


def _is_one(value: Value) -> bool:
    return isinstance(value, (bool, int, float)) and value == 1


def _takes_mode_for_rate(call: Call) -> bool:
    """`F.dropout(x, self.training)`: the second argument is the rate."""
    match call.site.node:
        case ast.Call(args=[_, ast.Attribute(attr="training"), *_]):
            return isinstance(call.callee, External) and ".functional." in call.callee.name
        case _:
            return False


def _said(call: Call, number: str, effect: str) -> str:
    flag = _slope(call, number) is not None and not isinstance(_slope(call, number), (int, float))
    given = isinstance(_slope(call, number), bool) or flag
    advice = "name the flag (`inplace=`, `training=`)" if given else "give another number"
    return f"in `{call.site.text}` {effect}; {advice}"
