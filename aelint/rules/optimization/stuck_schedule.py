"""A schedule cannot advance: its counter never grows, it is set back in every batch, or its period is in other units.

## What it does

Reports a counter of steps that starts at zero, is handed to a function in a training loop (`kl_anneal(step)`), and is
never increased; and a value that grows from batch to batch in an inner loop, and is set back in the same loop under
a condition that only the epoch changes; and a learning rate that the loop computes anew (`lr = lr * 0.95`) after the optimiser
was built with it, where nothing but a message reads the new number. Of torch's schedulers, it reports a period that counts the batches of an epoch
where `step` is called once per epoch, a number of steps that is written like the number of epochs where `step` is called after
every batch (also on the way to a schedule of your own or of transformers), a smallest learning rate that is not below the first
one, a step size that is a fraction, and a scheduler that is built twice for one of two optimisers.

## Why is this bad?

The weight stays at its first value: the KL divergence is never switched on, the temperature never falls. A restart
that belongs to the start of an epoch undoes each batch's growth for a whole epoch. A learning rate whose period is too
long by the number of batches never falls; with one that is too short it goes up and down all the time.

## Example

```python
import torch
from torch import nn


def anneal(step):
    return min(1.0, step / 1000)


def train(model, data):
    optimizer = torch.optim.Adam(model.parameters())
    step = 0
    for x in data:
        reconstruction, kl = model(x)
        loss = (reconstruction - x).pow(2).sum(1).mean() + anneal(step) * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
```

## Use instead

```python
import torch
from torch import nn


def anneal(step):
    return min(1.0, step / 1000)


def train(model, data):
    optimizer = torch.optim.Adam(model.parameters())
    step = 0
    for x in data:
        reconstruction, kl = model(x)
        loss = (reconstruction - x).pow(2).sum(1).mean() + anneal(step) * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
```

## Known limits

Counters and rates that are attributes, which other files may change, are not followed.

## References

- Bowman et al., "Generating Sentences from a Continuous Space", 2016: https://arxiv.org/abs/1511.06349
- Fu et al., "Cyclical Annealing Schedule", 2019: https://arxiv.org/abs/1903.10145
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.counters import reset_in_each_round, still_counters
from aelint.semantics.optimization.periods import Misfit, doubled_schedules, flat_schedules, foreign_units
from aelint.semantics.optimization.step_counts import EpochsAsSteps, epochs_as_steps
from aelint.semantics.optimization.unheard_rates import unheard_rates

RULE = Rule(
    code="AEL416",
    name="stuck-schedule",
    summary="a schedule never advances, is set back in every batch, or has a period in other units than its steps",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("backward", "scheduler"), ("for ",)),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield counters that stand still, and schedules that start anew with each batch."""
    for one in still_counters(program):
        yield Finding(
            one.site,
            f"`{one.name}` is {one.other.text.rpartition('=')[2].strip()} in every round: nothing increases it "
            f"({place(one.other, one.site)}), so what depends on it never changes; add 1 at the end of each step",
            (Note(one.other, "it starts here"),),
        )
    for one in reset_in_each_round(program):
        yield Finding(
            one.site,
            f"`{one.name}` grows with each batch ({place(one.other, one.site)}) and is set back in the same loop, under a condition that "
            "holds for the whole epoch: it never gets beyond its first step; set it back before the loop over batches",
            (Note(one.other, "it grows here"),),
        )
    for rate in unheard_rates(program):
        message = (
            f"the optimiser keeps the `{rate.name}` that it was built with ({place(rate.built, rate.site)}), and nothing hands it this one: "
            f'set it in its groups, `group["lr"] = {rate.name}`, or use a scheduler'
        )
        yield Finding(rate.site, message, (Note(rate.built, "built here"),))
    yield from (_misfit(one, "count the same in both") for one in foreign_units(program))
    yield from (_of_epochs(one) for one in epochs_as_steps(program))
    yield from (_misfit(one, "give another number") for one in flat_schedules(program))
    yield from (_misfit(one, "give it the other optimiser") for one in doubled_schedules(program))


def _of_epochs(one: EpochsAsSteps) -> Finding:
    message = (
        f"`{one.parameter}` is given the number of epochs, but the schedule is advanced after every batch "
        f"({place(one.advanced, one.given)}): it comes to its end within the first epochs; multiply by the batches of an epoch"
    )
    return Finding(one.given, message, (Note(one.advanced, "it is advanced here"),))


def _misfit(one: Misfit, advice: str) -> Finding:
    site = one.schedule.site or one.shown
    kind = one.schedule.class_name
    notes = (Note(one.shown, "this shows it"),) if one.shown is not site else ()
    return Finding(site, f"in this {kind}, {one.text}; {advice}", notes)
