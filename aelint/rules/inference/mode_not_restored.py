"""Training goes on in evaluation mode, or a trained model is scored in training mode.

## What it does

Follows `train()` and `eval()` through loops and functions, for models with batch norm or dropout.
Reports

- an `eval()` inside of the training loop (a validation every few batches, say) that no `train()`
  undoes before the next training step,
- a trained network that is applied under `no_grad` and was never put into evaluation mode,
- a `train()` under `no_grad` that undoes the `eval()` before anything has run in it,
- a network whose trained weights are loaded, that is never put into evaluation mode, and that a program runs which trains nothing, and
- a frozen part that is put into evaluation mode once, before the loop, where `train()` of the whole undoes it.

## Why is this bad?

In evaluation mode dropout is off and batch norm uses frozen statistics: from the first validation on,
the model trains without its regularisation and its running statistics stand still. In training mode a
score depends on the other samples of the batch, changes from call to call, and changes the running
statistics.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for step in range(1000):
    x = torch.randn(32, 20)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
    if step % 100 == 0:
        model.eval()
        with torch.no_grad():
            print(nn.functional.mse_loss(model(x), x))
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1000):
    x = torch.randn(32, 20)
    model.train()
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    optimizer.step()
    if step % 100 == 0:
        model.eval()
        with torch.no_grad():
            print(nn.functional.mse_loss(model(x), x))
```

## Known limits

A model that is trained in evaluation mode from its first step is taken to mean it (frozen
statistics). Monte-Carlo dropout and recalibrated statistics are recognised by the function's name.

## References

- https://pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.loaded_modes import loaded_in_train
from aelint.semantics.inference.modes import ScoredInTrain, left_in_eval, scored_in_train, thawed

RULE = Rule(
    code="AEL601",
    name="mode-not-restored",
    summary="training goes on in evaluation mode, or a trained model is scored in training mode",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(
        ("batchnorm", "dropout", "load_state_dict"),
        ("backward", "load_state_dict"),
        ("eval", "no_grad", "inference_mode", "load_state_dict"),
    ),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Report the switch that is not undone, and the call that lacks one."""
    seen: set[int] = set()
    for left in left_in_eval(program):
        if id(left.switch.site.node) in seen:
            continue
        seen.add(id(left.switch.site.node))
        training = left.update.backward.event.site
        message = (
            f"`{left.switch.site.text}` ({place(left.switch.site, left.site)}) leaves the {_kind(left.layer, left.site)} in evaluation mode, and the "
            f"training steps that follow ({place(training, left.site)}) run in it; call `train()` before training goes on"
        )
        yield Finding(left.site, message, (Note(left.switch.site, "evaluation mode"), Note(training, "still trained")))
    for scored in scored_in_train(program):
        if scored.undoing is not None:
            yield _undone(scored, scored.undoing)
            continue
        site = scored.without_gradients
        message = (
            f"the model is scored in training mode from here on: its {_kind(scored.layer, site)} uses the batch at hand, or chance, so "
            f"a sample's score depends on the others ({place(scored.site, site)}), and scoring may change the model; call `eval()` first"
        )
        yield Finding(site, message, (Note(scored.site, "applied in training mode"),))
    for loaded in loaded_in_train(program):
        message = (
            f"trained weights are loaded into a network that stays in training mode, as it was built: its {_kind(loaded.layer, loaded.load.site)} "
            f"uses the batch at hand, or chance, when it is run ({place(loaded.run.site, loaded.load.site)}). Call `eval()` behind this"
        )
        yield Finding(loaded.load.site, message, (Note(loaded.run.site, "run in training mode"),))
    for one in thawed(program):
        if id(one.switch.site.node) not in seen:
            seen.add(id(one.switch.site.node))
            message = (
                f"this puts the frozen part back into training mode too, and only once was it put into evaluation mode ({place(one.frozen.site, one.switch.site)}): "
                f"the statistics of its {_kind(one.layer, one.switch.site)} move on; call its `eval()` again after this"
            )
            yield Finding(one.switch.site, message, (Note(one.frozen.site, "frozen here"),))


def _undone(scored: ScoredInTrain, switch: Call) -> Finding:
    message = (
        f"this undoes the `eval()` before anything has run in evaluation mode: what follows without gradients is scored with the "
        f"{_kind(scored.layer, switch.site)} in training mode; leave this call out"
    )
    return Finding(switch.site, message, (Note(scored.call.site, "scored here"),))


def _kind(layer: Object, seen_from: Site) -> str:
    where = f" of {place(layer.site, seen_from)}" if layer.site is not None else ""
    return f"{layer.class_name}{where}"
