"""A step of the optimiser or of the schedule, or gradient clipping, stands at the wrong place of the loop.

## What it does

Reports

- a step behind the batch loop, while gradients are computed and cleared in every round of it,
- backward pass and step behind the batch loop, while a new loss is computed and gradients are cleared in every round,
- a step before the backward pass, so that it only sees cleared gradients,
- a loss that is computed before the loop, whose rounds differentiate it again and again,
- a step in every round of a loop that adds up gradients and clears them in each n-th round,
- a second step on the gradients of one backward pass, as `optimizer.step()` beside `scaler.step(optimizer)`,
- `clip_grad_norm_` or `clip_grad_value_` after the step that it should limit, or on the parameters of another optimiser, which has stepped before,
- a clip of gradients that still carry the factor of a `GradScaler`,
- a schedule made for epochs (`ExponentialLR`, `StepLR`) that is advanced after every batch,
- a schedule that is advanced before the first step of its optimiser,
- a schedule that nothing ever advances,
- an optimiser whose gradients are computed and cleared, and that never takes a step, and
- a loop, or a function of one round, that clears gradients and lacks one of the other two: the backward pass, or the step, be it
  that of one optimiser of several.

## Why is this bad?

A step behind the loop uses one batch of the whole epoch; a step before the backward pass uses none.
A second step moves the
weights again by gradients of where they were before, and beside a scaler's it takes scaled and infinite ones as they are.
Clipping after the step limits nothing. Clipping gradients that are 65536 times too large cuts nearly every one of
them to the limit, and the step divides what is left by that factor. A decay of 0.9 per epoch that runs per batch is 0.00003 after
a hundred batches: training stops in the first epoch without saying so. A schedule that is advanced
first skips the initial learning rate.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
```

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    for x in DataLoader(torch.randn(1000, 20), batch_size=50):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
for epoch in range(10):
    for x in DataLoader(torch.randn(1000, 20), batch_size=50):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    scheduler.step()
```

## Known limits

Schedules that are made for batches (`OneCycleLR`, warm-up lambdas, slow exponential decay) are not
judged. The loop must be in the program.

## References

- https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
- https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
- https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.accumulation import hasty_steps
from aelint.semantics.optimization.incomplete_rounds import (
    optimizers_without_step,
    rounds_without_backward,
    rounds_without_step,
)
from aelint.semantics.optimization.loss_scaling import scaled_clips
from aelint.semantics.optimization.schedules import MANY_BATCHES, decays_per_batch, early_schedules, unused_schedules
from aelint.semantics.optimization.stale_losses import stale_losses
from aelint.semantics.optimization.step_conditions import either_or_steps, inverted_intervals
from aelint.semantics.optimization.steps import (
    cleared_early,
    early_clips,
    gradients_behind_the_loop,
    idle_optimizers,
    late_clips,
    misdirected_clips,
    repeated_steps,
    steps_behind_the_loop,
)
from aelint.semantics.optimization.training import same_round

RULE = Rule(
    code="AEL405",
    name="misplaced-step",
    summary="a step, a clipping or a schedule is missing, or stands at the wrong place of the training loop",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("backward", "scheduler", "zero_grad"), ("step", "zero_grad")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report each misplaced call."""
    yield from _steps(program)
    yield from _clips(program)
    yield from _conditions(program)
    yield from _schedules(program)


def _steps(program: Program) -> Iterator[Finding]:
    for found in steps_behind_the_loop(program):
        step, backward = found.step.event.site, found.backward.event.site
        message = (
            f"{_said(step)} runs once after the loop that computes ({place(backward, step)}) and clears gradients in "
            "every round: all batches but the last are lost; move the step into the loop, after the backward pass"
        )
        yield Finding(step, message, (Note(backward, "gradients are computed"),))
    for found in gradients_behind_the_loop(program):
        backward, clear = found.backward.event.site, found.action.event.site
        message = (
            f"{_said(backward)} runs once after the loop that computes a new loss and clears gradients ({place(clear, backward)}) in every "
            "round: all batches but the last are lost; move it and the step into the loop"
        )
        yield Finding(backward, message, (Note(clear, "gradients are cleared"),))
    for found in cleared_early(program):
        if not same_round(found.backward.context, found.step.context):
            step, backward = found.step.event.site, found.backward.event.site
            message = (
                f"{_said(step)} runs before the backward pass ({place(backward, step)}) and after the gradients are "
                f"cleared ({place(found.action.event.site, step)}), so it moves nothing; move it after the backward pass"
            )
            yield Finding(step, message, (Note(backward, "gradients are computed"),), severity=Severity.ERROR)
    idle = list(idle_optimizers(program))
    for cleared, computed in idle:
        backward, clear = computed.event.site, cleared.event.site
        message = (
            f"{_said(backward)} computes gradients that no step uses: nothing but {_said(clear)} ({place(clear, backward)}) is called "
            "on the optimiser that should take them, and what it holds keeps its initial values; call its `step()` after this"
        )
        yield Finding(backward, message, (Note(clear, "the optimiser"),))

    yield from _incomplete(program, {id(cleared.event.site.node) for cleared, _ in idle})
    for hasty in hasty_steps(program):
        clear = hasty.clear
        message = (
            f"{_said(hasty.step)} runs in every round, and the gradients are cleared only in each n-th ({place(clear, hasty.step)}): every "
            "round moves the weights by the sum of the rounds so far; step where the gradients are cleared, and nowhere else"
        )
        yield Finding(hasty.step, message, (Note(clear, "gradients are cleared"),))
    for stale in stale_losses(program):
        consequence = (
            "torch raises in the second round, where the graph is gone"
            if stale.raises
            else "each step repeats the first gradient"
        )
        yield Finding(
            stale.computed,
            f"this is computed once, and every round of the loop differentiates it again ({place(stale.backward, stale.computed)}), after the "
            f"step of the round before has changed the weights: {consequence}; compute it inside of the loop",
            (Note(stale.backward, "differentiated in every round"), Note(stale.step, "the step")),
        )
    for twice in repeated_steps(program):
        extra, step = twice.action.event.site, twice.step.event.site
        message = (
            f"{_said(extra)} uses gradients that {_said(step)} ({place(step, extra)}) uses as well: each backward pass moves the weights "
            "twice; leave this one out"
        )
        yield Finding(
            extra, message, (Note(step, "the other step"), Note(twice.backward.event.site, "gradients are computed"))
        )


def _incomplete(program: Program, told: set[int]) -> Iterator[Finding]:
    for found in optimizers_without_step(program):
        if id(found.clear.node) not in told:
            told.add(id(found.clear.node))
            message = (
                f"{_said(found.clear)} clears what no step has used: nothing asks this optimiser for a step, and what it holds keeps its "
                f"initial values; call `{found.optimizer}.step()` after the backward pass of its loss"
            )
            yield Finding(found.clear, message)
    for found in rounds_without_step(program):
        if id(found.clear.node) in told:
            continue
        message = (
            f"{_said(found.site)} computes gradients that no step uses: {_said(found.clear)} ({place(found.clear, found.site)}) throws them "
            f"away in the next round, and nothing takes a step before; call `{found.optimizer}.step()` after this"
        )
        yield Finding(found.site, message, (Note(found.clear, "gradients are cleared"),))
    for found in rounds_without_backward(program):
        message = (
            f"{_said(found.site)} has no gradients to use: {_said(found.clear)} ({place(found.clear, found.site)}) clears them, and nothing "
            "computes any before this; call `backward()` on the loss before this"
        )
        yield Finding(found.site, message, (Note(found.clear, "gradients are cleared"),))


def _clips(program: Program) -> Iterator[Finding]:
    for found in late_clips(program):
        clip, step = found.action.event.site, found.step.event.site
        message = (
            f"gradients are clipped after {_said(step)} ({place(step, clip)}) has used them, so the update is not limited; "
            "clip between `backward` and `step`"
        )
        yield Finding(clip, message, (Note(step, "the step"),), severity=Severity.ERROR)
    for found in early_clips(program):
        clip, backward = found.action.event.site, found.backward.event.site
        message = (
            f"gradients are clipped before the backward pass ({place(backward, clip)}) has computed them: nothing is "
            "limited; clip between `backward` and `step`"
        )
        yield Finding(clip, message, (Note(backward, "gradients are computed"),), severity=Severity.ERROR)
    for found in misdirected_clips(program):
        clip, step = found.action.event.site, found.step.event.site
        message = (
            f"this clips gradients that {_said(step)} ({place(step, clip)}) does not use, and that are cleared before the next "
            "step that does: the update is not limited; clip the parameters of that optimiser"
        )
        yield Finding(clip, message, (Note(step, "the step that is not limited"),), severity=Severity.ERROR)
    for scaled in scaled_clips(program):
        clip, backward = scaled.site, scaled.backward.event.site
        message = (
            f"gradients are clipped while they carry the scale of the loss ({place(backward, clip)}), so the limit is "
            "tens of thousands of times too tight; call `unscale_` of the scaler with the optimiser first"
        )
        notes = (Note(backward, "the scaled loss"), Note(scaled.step.event.site, "the scaler's step"))
        yield Finding(clip, message, notes, severity=Severity.ERROR)


def _conditions(program: Program) -> Iterator[Finding]:
    for one in either_or_steps(program):
        message = (
            f"{_said(one.step)} runs only where the schedule is not advanced: a schedule changes the learning rate and moves no "
            "weights; take the step in both cases"
        )
        yield Finding(one.step, message, (Note(one.test, "the condition"),), severity=Severity.ERROR)
    for one in inverted_intervals(program):
        message = (
            f"`{one.test.text}` holds for every batch but each n-th, and never for an interval of 1: the gradients are used when they should be "
            "collected; compare with `== 0`"
        )
        yield Finding(one.test, message, (Note(one.step, "the step"),))


def _schedules(program: Program) -> Iterator[Finding]:
    for decay in decays_per_batch(program):
        kind = decay.scheduler.class_name
        message = (
            f"{_said(decay.action.event.site)} advances the {kind} after every batch: after {MANY_BATCHES} batches {decay.left:.0e} "
            "of the learning rate is left; call it once per epoch, after the batch loop"
        )
        notes = (Note(decay.scheduler.site, "the schedule"),) if decay.scheduler.site is not None else ()
        yield Finding(decay.action.event.site, message, notes)
    for schedule, step in early_schedules(program):
        message = (
            f"{_said(schedule.event.site)} runs before the first {_said(step.event.site)} ({place(step.event.site, schedule.event.site)}), so the "
            "initial learning rate is skipped; advance the schedule after the optimiser"
        )
        yield Finding(schedule.event.site, message, (Note(step.event.site, "the optimiser's step"),))
    for unused, reading in unused_schedules(program):
        if unused.site is not None:
            yield _unused(unused.class_name, unused.site, reading)


def _unused(kind: str, built: Site, reading: Site | None) -> Finding:
    if reading is None:
        return Finding(
            built, f"this {kind} is never advanced: the learning rate stays as it is; call its `step()` once per epoch"
        )
    message = (
        f"{_said(reading)} reads the rate of the {kind} ({place(built, reading)}), which nothing advances: it is the initial "
        "one in every epoch; call the schedule's `step()` here"
    )
    return Finding(reading, message, (Note(built, "the schedule"),))


def _said(site: Site) -> str:
    return f"`{site.text}`"
