"""What is saved after training is another model of the same class, which was never trained.

## What it does

Reports `torch.save` of a model that the program only builds, puts into evaluation mode and saves, after it has trained
another model of the same class.

## Why is this bad?

The file holds the random numbers that the weights start from. It loads without an error, and the run that took
hours is lost.

## Example

```python
import torch
from torch import nn


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))


def train(data):
    model = AE()
    optimizer = torch.optim.Adam(model.parameters())
    for x in data:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
    return model


model = AE()
train(torch.randn(100, 8, 20))
torch.save(model.state_dict(), "ae.pt")
```

## Use instead

```python
import torch
from torch import nn


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))


def train(data):
    model = AE()
    optimizer = torch.optim.Adam(model.parameters())
    for x in data:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
    return model


model = train(torch.randn(100, 8, 20))
torch.save(model.state_dict(), "ae.pt")
```

## Known limits

A model that is handed to a function, kept in an attribute, or called at least once is not judged.

## References

- https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call, Context, Event
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.kinds import is_network

RULE = Rule(
    code="AEL612",
    name="untrained-checkpoint",
    summary="a model that was never trained is saved, after another one of its class was",
    severity=Severity.WARNING,
    triggers=(("torch.save", "save("), ("backward",)),
    absence=True,
)

_IDLE = frozenset({"state_dict", "eval", "train", "to", "cuda", "cpu", "float", "half"})
"""Methods that change no weight."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each save of a model that nothing else uses."""
    for call in program.calls_to("torch.save"):
        model = _model(call.args[0]) if call.args else None
        if model is None or call.context.speculative or not _is_untouched(program, model):
            continue
        trained = _trained_twin(program, model, call)
        if trained is not None:
            message = (
                f"this saves a `{model.cls.name}` that was only built, not the one that was trained ({place(trained.site, call.site)}): the "
                "file holds random weights; save the trained model"
            )
            notes = (Note(model.site, "built here, and not used"),) if model.site is not None else ()
            yield Finding(call.site, message, (*notes, Note(trained.site, "the model that is trained")))


def _model(saved: Value) -> Instance | None:
    match saved:
        case Sym(op="call", attrs={"method": "state_dict"}, inputs=(model, *_)):
            pass
        case model:
            pass
    return model if isinstance(model, Instance) and is_network(model.cls) and not model.symbolic else None


def _is_untouched(program: Program, model: Instance) -> bool:
    """Whether nothing but its own constructor sets or uses anything of the model."""
    parts = {id(model), *(id(v) for v in model.attrs.values() if isinstance(v, (Instance, Object, Sym)))}
    if any((s.value is model or s.target is model) and not _is_building(s, model) for s in program.stores):
        return False
    return all(_leaves_alone(call, model, parts) for call in program.calls if not _is_building(call, model))


def _is_building(event: Event, model: Instance) -> bool:
    return any(a.receiver is model and a.function.name == "__init__" for a in event.context.stack)


def _leaves_alone(call: Call, model: Instance, parts: set[int]) -> bool:
    if call.receiver is model or call.callee is model:
        return call.method in _IDLE or call.name == "__init__"
    given = (call.callee, call.receiver, *call.args, *call.kwargs.values())
    return call.name in {"torch.save", "print"} or not any(id(v) in parts for v in given)


def _trained_twin(program: Program, model: Instance, save: Call) -> Call | None:
    """The call of another instance of the class before a backward pass that comes before the save."""
    last = max((c.order for c in program.method_calls("backward") if c.order < save.order), default=-1)
    for call in program.calls_to("network"):
        twin = call.callee
        is_twin = isinstance(twin, Instance) and twin is not model and twin.cls is model.cls
        apart = _entry(call.context) is not _entry(save.context)
        if is_twin and call.order < last and not (apart or call.context.no_grad or call.context.speculative):
            return call
    return None


def _entry(context: Context) -> Function | None:
    """The function that nobody in sight called, as a test of a suite, below which an event happens."""
    return context.stack[0].function if context.stack and context.stack[0].is_entry else None
