"""A layer, or what a layer computed, never reaches the result.

## What it does

Reports, in the methods of networks,

- a name that is assigned the work of layers and never read, or assigned again before it is read,
- a parameter that is never read although the caller computes the argument with layers whose work gets
  into the method in no other way,
- a layer with parameters that is built and never called,
- a loop over layers in which every round starts from the same tensor, so that the last layer's work alone is kept.

## Why is this bad?

The code reads as if the value mattered: a decoder that is given the code and does not look at it, an
embedding that is added after the tensor it should change has been used. Nothing raises. The layers
behind the value get no gradient and keep the weights they were built with.

## Example

```python
import torch
import torch.nn as nn

class SequenceVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(8, 16, batch_first=True)
        self.code = nn.Linear(16, 4)
        self.start = nn.Linear(4, 16)
        self.decoder = nn.GRU(8, 16, batch_first=True)

    def forward(self, x):
        _, state = self.encoder(x)
        hidden = torch.tanh(self.start(self.code(state)))
        return self.decoder(x, state)[0]
```

## Use instead

```python
import torch
import torch.nn as nn

class SequenceVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(8, 16, batch_first=True)
        self.code = nn.Linear(16, 4)
        self.start = nn.Linear(4, 16)
        self.decoder = nn.GRU(8, 16, batch_first=True)

    def forward(self, x):
        _, state = self.encoder(x)
        hidden = torch.tanh(self.start(self.code(state)))
        return self.decoder(x, hidden)[0]
```

## Known limits

Names with a leading underscore, parts of an unpacked result, classes that others inherit from, layers
that are found by name at run time, and values that an in-place operation computes are left alone.

## References

- https://docs.pytorch.org/docs/stable/notes/autograd.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.survivors import Forgotten, forgotten_rounds
from aelint.semantics.architecture.uncalled import UncalledLayer, uncalled_layers
from aelint.semantics.architecture.usage import IgnoredArgument, UnreadValue, ignored_arguments, unread_values
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import layer_title, place

RULE = Rule(
    code="AEL116",
    name="unused-layer",
    summary="a layer or its output never reaches the result",
    severity=Severity.WARNING,
    triggers=(("module", "nn."),),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield values, parameters and layers that the result does not depend on."""
    for value in unread_values(program):
        yield _unread(program, value)
    for argument in ignored_arguments(program):
        yield _ignored(program, argument)
    for layer in uncalled_layers(program):
        yield _uncalled(layer)
    for loop in forgotten_rounds(program):
        yield _forgotten(loop)


def _unread(program: Program, value: UnreadValue) -> Finding:
    layer = layer_title(program, value.layers[0])
    fate = "never read afterwards"
    if value.overwritten is not None:
        fate = f"assigned again ({place(value.overwritten, value.site)}) before anything reads it"
    message = (
        f"`{value.name}` is computed here with {layer} and {fate}, so the result does not depend on it. "
        "Pass it on where it belongs, or delete it"
    )
    return Finding(value.site, message)


def _ignored(program: Program, argument: IgnoredArgument) -> Finding:
    layer = layer_title(program, argument.layers[0])
    message = (
        f"`{argument.name}` is never read in `{argument.function.name}`, although the caller computes it with {layer} "
        f"({place(argument.call.site, argument.site)}): the output does not depend on those layers, and they get no "
        "gradient. Use the argument"
    )
    return Finding(argument.site, message, (Note(argument.call.site, f"`{argument.name}` is passed here"),))


def _forgotten(loop: Forgotten) -> Finding:
    message = (
        f"each of the {loop.rounds} rounds of this loop starts from the same tensor and replaces what the round before it "
        "computed: only the last layer's work is kept. Hand on the result from round to round"
    )
    return Finding(loop.site, message)


def _uncalled(layer: UncalledLayer) -> Finding:
    where = f"is built in `{layer.network.cls.name}` and never"
    if layer.repeated is not None:
        twice = layer.repeated.site
        message = (
            f"`{twice.text}` runs a layer that was run before, while `{layer.name}` of the same sizes {where} called "
            f"({place(layer.site, twice)}). Call `{layer.name}` here if it is its turn, or delete it"
        )
        notes = (Note(layer.site, f"`{layer.name}` gets no gradient"),)
        return Finding(twice, message, notes, confidence=Confidence.MEDIUM)
    verb = "read: it gets" if isinstance(layer.layer, Sym) else "called: its parameters get"
    if layer.dropped is not None:
        unread = Site(layer.site.unit, layer.dropped)
        message = (
            f"`{layer.dropped.id}` is never read, and `{layer.name}` ({place(layer.site, unread)}) {where} {verb} no gradient. "
            "Compute with both, or delete them"
        )
        return Finding(unread, message, (Note(layer.site, "built in vain"),), confidence=Confidence.MEDIUM)
    message = f"`{layer.name}` {where} {verb} no gradient. Use it where it belongs, or delete it"
    return Finding(layer.site, message, confidence=Confidence.MEDIUM)
