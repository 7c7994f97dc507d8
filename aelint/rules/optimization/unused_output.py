"""A training step computes an output of the model that no loss uses.

## What it does

Reports

- an output that is given a name and never read, of layers that the optimiser holds and no loss depends on,
- an output of a network, in a function that calls `backward`, that is replaced by a later one before anything
  reads it.

## Why is this bad?

The layers behind it keep their random weights. As a rule another variable was written where this one was meant:
the code goes past the decoder, or a loss compares something else with the input.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(64, 16), nn.Linear(8, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])


def step(x):
    mu, logvar = encoder(x).chunk(2, dim=1)
    reconstruction = decoder(mu)
    loss = (logvar.exp() + mu.pow(2) - logvar).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


step(torch.rand(32, 64))
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(64, 16), nn.Linear(8, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])


def step(x):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    reconstruction = decoder(z)
    kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(1).mean()
    loss = nn.functional.mse_loss(reconstruction, x, reduction="none").sum(1).mean() + kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


step(torch.rand(32, 64))
```

## Known limits

Silent where hooks take outputs, where part of the training step cannot be read, and on names that start with `_`.

## References

- https://docs.pytorch.org/docs/stable/notes/autograd.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.idle import idle_outputs, overwritten_outputs

RULE = Rule(
    code="AEL414",
    name="unused-output",
    summary="a training step computes an output that no loss uses",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("backward",),),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each output that a training step names and leaves."""
    for idle in idle_outputs(program):
        layer = idle.layers[0]
        what = layer.class_name
        where = f" of {place(layer.site, idle.site)}" if layer.site is not None else ""
        notes = (Note(layer.site, "nothing trains this layer"),) if layer.site is not None else ()
        yield Finding(
            idle.site,
            f"`{idle.name}` is computed and never used: no loss depends on the {what}{where}, which the optimiser holds; use it in "
            "the loss, or remove it",
            (*notes, Note(idle.backward, "gradients are computed here")),
        )
    for idle in overwritten_outputs(program):
        yield Finding(
            idle.site,
            f"`{idle.name}` is computed by a network and replaced before anything reads it: another variable was used where "
            "this one was meant, or it is not needed",
            (Note(idle.backward, "the step that does not use it"),),
        )
