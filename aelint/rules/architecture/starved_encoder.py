"""A hidden layer is narrower than the code behind it.

## What it does

Reports a linear layer of the encoder that gives fewer numbers than the layer that makes the code.

## Why is this bad?

What passes the narrow layer cannot become more again: the code has more units than it can have
independent directions, and they are filled with copies of each other.

## Example

```python
import torch
import torch.nn as nn

encoder = nn.Sequential(nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 32))
decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784))
x = torch.rand(64, 784)
loss = nn.functional.mse_loss(decoder(encoder(x)), x)
```

## Use instead

```python
import torch
import torch.nn as nn

encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 32))
decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784))
x = torch.rand(64, 784)
loss = nn.functional.mse_loss(decoder(encoder(x)), x)
```

## Known limits

The encoder must be an attribute or a variable of that name; the code is what it gives.

## References

- https://www.deeplearningbook.org/contents/autoencoders.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.domain.values import Object
from aelint.semantics.explanation.wording import layer_text, layer_title
from aelint.semantics.operators.api import to_int

RULE = Rule(
    code="AEL112",
    name="starved-encoder",
    summary="a hidden layer of the encoder is narrower than the code",
    severity=Severity.ADVICE,
    confidence=Confidence.MEDIUM,
    triggers=(("linear",), ("encoder",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the narrowest hidden layer of each encoder that is narrower than its last."""
    for encoder in _encoders(program):
        layers = [c for c in (encoder.children or {}).values() if isinstance(c, Object) and c.name == "torch.nn.Linear"]
        widths = [to_int(layer.bound.get("out_features")) for layer in layers]
        known = [(layer, width) for layer, width in zip(layers, widths, strict=True) if width is not None]
        if len(known) < 2 or len(known) < len(layers):
            continue
        (narrow, width), (last, code) = min(known[:-1], key=lambda pair: pair[1]), known[-1]
        if width < code and narrow.site is not None:
            message = (
                f"{layer_title(program, narrow)} gives {width} numbers, the code of `{layer_text(last)}` has {code}: "
                "the code cannot hold more than what came through. Make the hidden layer at least as wide as the code"
            )
            yield Finding(narrow.site, message)


def _encoders(program: Program) -> Iterator[Object]:
    named = [b.value for b in program.bindings if _is_encoder(b.name)]
    named += [v for n in program.networks for k, v in n.attrs.items() if _is_encoder(k)]
    for value in named:
        if isinstance(value, Object) and value.name == "torch.nn.Sequential" and value.complete:
            yield value


def _is_encoder(name: str) -> bool:
    name = name.lower()
    return name.endswith("encoder") and not name.endswith(("autoencoder", "auto_encoder"))
