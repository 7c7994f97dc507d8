"""No gradient reaches layers that an optimiser is meant to train.

## What it does

Follows each loss that `backward` is called on back through the program. Reports layers that stand in
the optimiser and that the losses depend on only through `detach`, `.data`, `.item()`, a trip through
numpy or `torch.tensor`, or an operation whose derivative is zero (`round`, `floor`, `sign`, `argmax`);
single loss terms that only count or choose (`(code > 0.5).float().mean()`); others that reach nothing that
the following step trains, because of such a cut or because a part of them runs under `no_grad`; and
optimisers all of whose layers run under `no_grad` alone, and layers of a whole model that do so in a program that reads no weights.

## Why is this bad?

The layers keep their random weights while the rest learns around them: a decoder learns to make the
most of random features. With `round` the gradients exist and are exactly zero, so nothing even warns.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for step in range(1000):
    x = torch.randn(32, 20)
    code = torch.round(encoder(x))
    loss = nn.functional.mse_loss(decoder(code), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for step in range(1000):
    x = torch.randn(32, 20)
    code = encoder(x)
    code = code + (torch.round(code) - code).detach()
    loss = nn.functional.mse_loss(decoder(code), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

The optimiser, the loss and the model must be in the program. A part that another loss trains, that is
frozen, averaged, loaded or named as a target or teacher is left alone, and so is one that runs under `no_grad`
and shares its optimiser with others, where any weights are loaded.

## References

- Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013
- https://pytorch.org/docs/stable/generated/torch.Tensor.detach.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import layers_place, place
from aelint.semantics.optimization.gradients import is_flat
from aelint.semantics.optimization.severed import Severed, idle_optimizers, severed_parts, severed_terms, switched_off

RULE = Rule(
    code="AEL406",
    name="severed-gradient",
    summary="a cut on every path keeps the gradient from layers that are being trained",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("backward",), ("step",)),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Report the operation that cuts a gradient path."""
    for found, what in ((severed_parts, _part), (idle_optimizers, _optimizer), (severed_terms, _term)):
        for severed in found(program):
            site = switched_off(program, severed.cut) or severed.cut.site
            if site is None:
                continue
            severity = Severity.ERROR if is_flat(severed.cut) else Severity.WARNING
            yield Finding(site, what(severed, site), _notes(severed), severity=severity)


def _part(severed: Severed, site: Site) -> str:
    why = "has a derivative of zero" if is_flat(severed.cut) else "takes the tensor out of the graph"
    return (
        f"`{_shown(site)}` {why} and stands on every path from the loss of {place(severed.update.backward.event.site, site)} to "
        f"{layers_place(severed.layers, site)}: `{severed.step.event.site.text}` ({place(severed.step.event.site, site)}) never changes them; "
        f"{'pass the gradient straight through' if is_flat(severed.cut) else 'keep the tensor in the graph'}"
    )


def _optimizer(severed: Severed, site: Site) -> str:
    return (
        f"`{_shown(site)}` records no graph here, and nowhere else does the loss of {place(severed.update.backward.event.site, site)} "
        f"reach {layers_place(severed.layers, site)}: `{severed.step.event.site.text}` ({place(severed.step.event.site, site)}) has nothing to "
        "train; run them with gradients"
    )


def _term(severed: Severed, site: Site) -> str:
    if is_flat(severed.cut):
        return (
            f"`{_shown(site)}` has a derivative of zero, and a term of the loss of {place(severed.update.backward.event.site, site)} depends on "
            f"{layers_place(severed.layers, site)} through it alone: the term trains nothing; measure the same with something that has a slope"
        )
    return (
        f"`{_shown(site)}` keeps one term of the loss of {place(severed.update.backward.event.site, site)} from {layers_place(severed.layers, site)}, the "
        f"only part of that term which `{severed.step.event.site.text}` ({place(severed.step.event.site, site)}) trains: the term has "
        "no effect; keep the tensor in the graph here"
    )


def _shown(site: Site) -> str:
    text = " ".join(site.text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _notes(severed: Severed) -> tuple[Note, ...]:
    sites = [layer.site for layer in severed.layers[:3] if layer.site is not None]
    return tuple(Note(site, "no gradient arrives here") for site in sites)
