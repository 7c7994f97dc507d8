"""Gradients are added up over the batches: nothing clears them between two steps.

## What it does

Reports a loop that computes gradients and takes optimiser steps and in which no `zero_grad` (nor any
other way of clearing) reaches the parameters of that optimiser between one step and the next. With several optimisers, also steps
that use what another one's `backward` left behind: because each clears its own gradients only, after its own step, or because
the loss of a critic, the input of which is not detached, reaches the network that made that input.

## Why is this bad?

`backward` adds to the gradients that are already there. Without clearing, every step follows the sum
of the gradients of all batches so far: the step grows without bound, the direction belongs to
parameters that no longer exist, and the loss soon oscillates or diverges.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

The loop must be in the program: a training function that nobody calls in a loop is not judged, unless it is Lightning's `training_step`
under manual optimisation, or a method that trains what its object keeps.
Accumulation over several batches that is cleared with the step, closures, and code that cannot be
read but receives the optimiser or the model are taken as clearing.

## References

- https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.leaks import contested, leftovers, unasked, undetached
from aelint.semantics.optimization.steps import accumulating
from aelint.semantics.optimization.training import Action
from aelint.semantics.optimization.uncleared_rounds import rounds_without_clearing

RULE = Rule(
    code="AEL403",
    name="gradients-accumulate",
    summary="no gradient is cleared between two optimiser steps of a loop",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(("backward",), ("step",)),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Report the backward pass whose gradients are added to those of the round before."""
    seen: set[int] = set()
    for found in accumulating(program):
        site, step = found.backward.event.site, found.step.event.site
        if id(step.node) in seen:
            continue
        seen.add(id(step.node))
        if _is_rehearsal(found.backward):
            continue
        yield _added_up(site, step)
    for uncleared in rounds_without_clearing(program):
        if id(uncleared.step.node) not in seen:
            seen.add(id(uncleared.step.node))
            yield _added_up(uncleared.backward, uncleared.step)
    yield from _leaks(program)


def _added_up(backward: Site, step: Site) -> Finding:
    message = (
        f"gradients are added up from round to round: between two runs of `{step.text}` ({place(step, backward)}) nothing clears "
        "the gradients of that optimiser; call its `zero_grad()` before this `backward`"
    )
    return Finding(backward, message, (Note(step, "the step that uses the sum"),))


def _leaks(program: Program) -> Iterator[Finding]:
    told: set[int] = set()
    advised = ((leftovers, _CLEAR), (undetached, _DETACH), (contested, _DETACH_ALL), (unasked, _BETWEEN))
    for found, advice in advised:
        for leak in found(program):
            foreign, step = leak.foreign.event.site, leak.step.event.site
            if id(step.node) in told:
                continue
            told.add(id(step.node))
            early = leak.site is not foreign
            there = place(foreign, leak.site)
            message = advice.format(
                foreign=foreign.text,
                there=there,
                step=step.text,
                then=place(step, leak.site),
                beyond=f" ({there})" if early else "",
                remedy="This clears too early: clear them behind that `backward`" if early else "Clear them in between",
            )
            notes = (Note(foreign, "computed for another optimiser"), Note(step, "the step that uses it"))
            yield Finding(leak.site, message, notes, severity=Severity.WARNING)


_CLEAR = (
    "the gradients of `{foreign}` ({there}) are still in the parameters that `{step}` ({then}) changes: only those of the other "
    "optimiser are cleared before this `backward`. Call `zero_grad()` of this one, too"
)
_DETACH = (
    "through this call `{foreign}` ({there}) adds to the gradients that `{step}` ({then}) uses, while another input of the same "
    "loss is detached. Detach this one, too, or take the step before that `backward`"
)
_DETACH_ALL = (
    "from here `{foreign}` ({there}) adds to the gradients that `{step}` ({then}) uses, although it is the other player's loss, "
    "and only that one's gradients are cleared before it. Detach what was generated, or take the step before that `backward`"
)
_BETWEEN = (
    "`{foreign}`{beyond} leaves gradients in the parameters that `{step}` ({then}) changes, and they are added to those of that player's own "
    "loss, which is cut off from the other player. {remedy}, or freeze these parameters meanwhile"
)


def _is_rehearsal(backward: Action) -> bool:
    """Whether the sum of what a network gives for random numbers is differentiated: nothing is learned, the machinery is shown."""
    loss = backward.of
    output = source(loss) if isinstance(loss, Sym) and loss.op in {"sum", "mean"} else None
    given = output.inputs if isinstance(output, Sym) and output.op in {"call", "linear", "conv2d"} else ()
    return any(isinstance(one, Sym) and one.op in {"rand", "randn", "randint"} for one in given)
