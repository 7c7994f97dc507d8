"""A run that is taken up again starts its counter, or the schedule of its learning rate, from the beginning.

## What it does

Reports a class that counts its steps or epochs, writes the count into its checkpoints beside the states of its model and
optimiser, and loads these states again without the count. And a schedule of the learning rate whose optimiser goes on from a
checkpoint and which does not, or which is built behind that: building it sets the rate back to the first one.

## Why is this bad?

What goes by the count begins anew: a warm-up of the KL weight or of the learning rate lets go of what was learned, a fixed
number of steps is trained once more, and the next checkpoint overwrites an earlier one. A schedule that begins anew throws a
model that had nearly converged about with the first, large rate.

## Example

```python
import torch


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.step = model, optimizer, 0

    def save(self, path):
        torch.save({"model": self.model.state_dict(), "opt": self.optimizer.state_dict(), "step": self.step}, path)

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["opt"])

    def fit(self, loader):
        for x in loader:
            loss = self.model.loss(x, beta=min(1.0, self.step / 1000))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
```

## Use instead

```python
import torch


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.step = model, optimizer, 0

    def save(self, path):
        torch.save({"model": self.model.state_dict(), "opt": self.optimizer.state_dict(), "step": self.step}, path)

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["opt"])
        self.step = state["step"]

    def fit(self, loader):
        for x in loader:
            loss = self.model.loss(x, beta=min(1.0, self.step / 1000))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
```

## Known limits

For a counter, one class must save, load and count; a checkpoint that is handed on whole, and a key that any file reads, are left
alone. Schedules that only warm up, that are told `last_epoch`, and rates that are set by hand are, too.

## References

- https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.unrestored_counters import unrestored_counters
from aelint.semantics.inference.unrestored_schedules import unrestored_schedules

RULE = Rule(
    code="AEL617",
    name="unrestored-progress",
    summary="a counter or a schedule of the learning rate begins anew when a run is taken up again",
    severity=Severity.WARNING,
    triggers=(("load_state_dict",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the last state that is loaded where the count beside it is not, and each schedule that begins anew."""
    for one in unrestored_counters(program):
        message = (
            f"model and optimiser go on from the checkpoint, but `self.{one.counter}`, which it holds as {one.key!r} "
            f"({place(one.saved, one.loaded)}), is never read back: it starts anew, with all that goes by it "
            f"({place(one.used, one.loaded)}). Set it from the checkpoint, too"
        )
        notes = (Note(one.saved, "saved here"), Note(one.used, "training goes by it"))
        yield Finding(one.loaded, message, notes)
    for schedule in unrestored_schedules(program):
        where = place(schedule.loaded, schedule.made)
        if schedule.late:
            message = (
                f"building a schedule sets the rate of its optimiser to the first one, and this is built after the optimiser got back its state "
                f"({where}): build it before that"
            )
        else:
            message = (
                f"the optimiser goes on from a checkpoint ({where}), but this schedule begins anew, with the first learning rate. Save its "
                "`state_dict()`, too, and load it"
            )
        yield Finding(schedule.made, message, (Note(schedule.loaded, "the optimiser's state is loaded here"),))
