"""Layers take part in the loss, and no optimiser holds their parameters.

## What it does

Follows the loss of each training step back to the layers that it depends on, and compares them with
the parameters given to the program's optimisers. Reports layers that receive gradients and are in none, and an optimiser
that is given data alone, slices of it or fresh random numbers: tensors that ask for no gradient.

## Why is this bad?

These layers keep their random weights. An encoder without training is a random projection, a decoder
without training limits the whole model; the loss still falls, because the other part adapts.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(decoder(encoder(x)), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(decoder(encoder(x)), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

Layers that are frozen, loaded, put into evaluation mode, or whose parameters the program asks for
elsewhere are taken to be left out on purpose. Data is told only where nothing in the program asks for a gradient later,
by `requires_grad_()` or by setting `grad`.

## References

- https://pytorch.org/docs/stable/optim.html#constructing-it
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import layers_place, place
from aelint.semantics.optimization.coverage import Missed, frozen_whole, listed_elsewhere, missed_layers
from aelint.semantics.optimization.handed_data import handed_data

RULE = Rule(
    code="AEL402",
    name="optimizer-misses-parameters",
    summary="layers that the loss depends on are in no optimiser",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("optim",), ("backward",), ("step",)),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Report the optimiser that lacks layers of its loss."""
    for missed in missed_layers(program):
        built = missed.optimizer.site
        if built is None:
            continue
        site = listed_elsewhere(program, missed.optimizer) or built
        made = {id(layer.site.node): layer.site for layer in missed.layers if layer.site is not None}
        notes = [Note(one, "never changes") for one in list(made.values())[:3]]
        if site is not built:
            notes.append(Note(built, "the optimiser that gets this list"))
        remedy = "give them to this optimiser" if site is built else "add them to this list"
        yield Finding(site, _message(missed, site, remedy), tuple(notes))
    for site, optimizer in frozen_whole(program):
        notes = [Note(optimizer.site, "it holds no others")] if optimizer.site is not None else []
        message = (
            "this freezes every layer that the optimiser holds, not a part of them: nothing is trained; freeze the "
            "parameters of the part that is meant"
        )
        yield Finding(site, message, tuple(notes))
    for handed in handed_data(program):
        what = "a tensor of data that asks" if handed.tensors == 1 else f"{handed.tensors} tensors of data that ask"
        message = (
            f"this optimiser is given {what} for no gradient, and no parameter: the gradients of "
            f"{place(handed.backward, handed.optimizer)} change nothing; give it `model.parameters()`"
        )
        yield Finding(handed.optimizer, message, (Note(handed.backward, "computed in vain"),))


def _message(missed: Missed, site: Site, remedy: str) -> str:
    return (
        f"the loss of {place(missed.backward, site)} sends gradients to {layers_place(missed.layers, site)}, and no optimiser of the program holds their parameters: "
        f"they keep their random weights; {remedy}, or freeze them to say that it is meant"
    )
