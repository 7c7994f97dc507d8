"""Several linear layers follow each other without an activation, so they are worth one.

## What it does

Reports three or more linear layers in a row, with nothing but normalisation and dropout between them, in
a network that uses activations between linear layers elsewhere. Every layer but the last must be at
least as wide as the ends it connects. A network of the project that only multiplies with a weight of its own counts as one.

## Why is this bad?

A chain of affine maps is one affine map. The layers cost parameters and time, and the part of the
network that they make can express nothing that a single layer could not.

## Example

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(50, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))
        self.start = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Linear(32, 48), nn.Linear(48, 50))

    def forward(self, x):
        return self.decoder(self.start(self.encoder(x)))
```

## Use instead

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(50, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))
        self.start = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.decoder = nn.Sequential(
            nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 50)
        )

    def forward(self, x):
        return self.decoder(self.start(self.encoder(x)))
```

## Known limits

Two layers in a row are left alone (heads, projections, low-rank factors), and so are networks that are
linear throughout, since a linear autoencoder may be meant.

## References

- https://en.wikipedia.org/wiki/Affine_transformation
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.stacks import LinearStack, linear_stacks
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Object
from aelint.semantics.explanation.wording import layer_title, place
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL113",
    name="linear-stack",
    summary="linear layers follow each other without an activation",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("linear",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the second layer of each chain, or the loop that runs layers of one making."""
    for stack in linear_stacks(program):
        site = _repeated_in(program, stack) or stack.layers[1].site
        if site is not None:
            yield _finding(program, stack, site)


def _finding(program: Program, stack: LinearStack, site: Site) -> Finding:
    others = [o for o in stack.layers if o.site is not None and o.site.node is not site.node]
    rows = ", ".join(dict.fromkeys(place(layer.site, site) for layer in others))
    message = (
        f"{len(stack.layers)} linear layers follow each other without an activation{f' ({rows})' if rows else ''}: together they "
        "are one affine map. Put an activation between them, as the rest of the network does"
    )
    return Finding(site, message, tuple(_note(program, layer) for layer in others))


def _repeated_in(program: Program, stack: LinearStack) -> Site | None:
    """What a loop calls in each round, where it runs layers that one line makes: there the activation is missing."""
    if len({id(layer.site.node) for layer in stack.layers if layer.site is not None}) > 1:
        return None
    runs = program.calls_to("linear", "network")
    calls = [next((c for c in runs if c.receiver is layer), None) for layer in stack.layers[:2]]
    match calls:
        case [Call(context=first), Call(context=second, site=site)]:
            loops = {id(one.node) for one in first.loops if all(one is not other for other in second.loops)}
            loop = next((one.node for one in second.loops if id(one.node) in loops), None)
            places = (*(a.site for a in second.stack), site)
            return next((p for p in places if p is not None and loop is not None and holds(loop, p.node)), None)
        case _:
            return None


def _note(program: Program, layer: Object | Instance) -> Note:
    assert layer.site is not None
    return Note(layer.site, f"{layer_title(program, layer)} belongs to the chain")
