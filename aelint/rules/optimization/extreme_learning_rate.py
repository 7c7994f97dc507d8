"""An optimiser gets, or is left with, a learning rate at which no network trains.

## What it does

Reports Adam and its relatives (`AdamW`, `NAdam`, `RAdam`, `Adamax`, `RMSprop`) with a constant learning
rate of `limit` (0.5) or more on the parameters of a network, schedules that multiply the rate by zero
(`StepLR(..., gamma=0)`), and functions of a `LambdaLR` that give a learning rate where the factor of one is asked for.

## Why is this bad?

These optimisers move each weight by about the learning rate per step, whatever the gradient. With 0.5
all weights of a fresh layer are gone after the first step; units saturate or die, and the output is
the same for every input. A factor of zero ends training at the schedule's first step; a schedule that is to
change nothing has the factor one. A rate that is multiplied by a rate of 0.001 is a thousandth of it.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
```

## Known limits

Large rates on free variables (codes that are fitted, embeddings) are normal, and SGD is not judged.

## References

- Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 2.1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.domain.values import DictValue, ListValue, Object, Value
from aelint.semantics.operators.api import is_number
from aelint.semantics.optimization.initialization import is_weighted
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.rate_factors import rate_factors
from aelint.semantics.optimization.training import optimizers

RULE = Rule(
    code="AEL413",
    name="extreme-learning-rate",
    summary="the learning rate overwrites every weight at once, or is multiplied by zero",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("adam", "rmsprop", "gamma", "lambdalr", "multiplicativelr"), ("optim",)),
    options={"limit": 0.5},
)

_ADAPTIVE = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop"})


_SCHEDULES = ("StepLR", "MultiStepLR", "ExponentialLR")


def check(program: Program, options: Mapping[str, float]) -> Iterator[Finding]:
    """Report optimisers of networks whose learning rate is out of range, and schedules that end it."""
    yield from _overwriting(program, options)
    for taken in rate_factors(program):
        message = (
            f"`{taken.name}` is a learning rate, {taken.rate:g}, but what the function of a {taken.schedule.class_name} gives is multiplied "
            "with the optimiser's own rate, so that next to nothing is left; divide by the optimiser's rate"
        )
        yield Finding(taken.given, message, (Note(taken.schedule.site, "the schedule"),) if taken.schedule.site else ())
    for schedule in program.machine.objects:
        name = schedule.name.rpartition(".lr_scheduler.")[2]
        position = 1 if name == "ExponentialLR" else 2
        factor = schedule.args[position] if len(schedule.args) > position else schedule.kwargs.get("gamma")
        if name in _SCHEDULES and _is_zero(factor) and schedule.site is not None:
            yield Finding(
                schedule.site,
                f"{name} with `gamma=0` multiplies the learning rate by zero at its first step, and training ends there; a "
                "schedule that leaves the rate as it is has `gamma=1`",
            )


def _is_zero(factor: Value) -> bool:
    return is_number(factor) and factor == 0


def _overwriting(program: Program, options: Mapping[str, float]) -> Iterator[Finding]:
    limit = options["limit"]
    layers = {id(o) for o in program.layers if is_weighted(o)}
    for optimizer in optimizers(program):
        kind = optimizer.class_name
        rate = optimizer.args[1] if len(optimizer.args) > 1 else optimizer.kwargs.get("lr")
        if kind not in _ADAPTIVE or not isinstance(rate, (int, float)) or rate < limit or optimizer.site is None:
            continue
        if _is_set_elsewhere(program, optimizer) or _only_holds_a_state(program, optimizer):
            continue
        if layers & held_by(optimizer).owners:
            yield Finding(
                optimizer.site,
                f"in every step {kind} moves each weight by about its learning rate, {rate:g}: the network is overwritten at once; "
                "rates between 1e-5 and 1e-2 are usual",
            )


def _only_holds_a_state(program: Program, optimizer: Object) -> bool:
    """Whether it never steps and is given a saved state, which brings its own rate."""
    methods = {c.method for c in program.calls if c.receiver is optimizer}
    return "load_state_dict" in methods and "step" not in methods


_SETTING = ("LambdaLR", "MultiplicativeLR", "OneCycleLR", "CyclicLR")


def _is_set_elsewhere(program: Program, optimizer: Object) -> bool:
    """Whether a warm-up or cycle, or the groups of parameters, decide the rate: the written one is a factor or unused."""
    given = optimizer.args[0] if optimizer.args else optimizer.kwargs.get("params")
    groups = given.items if isinstance(given, ListValue) else []
    if groups and all(isinstance(g, DictValue) and "lr" in g.items for g in groups):
        return True
    schedules = (o for o in program.machine.objects if o.name.endswith(_SETTING))
    return any(one is optimizer for s in schedules for one in (*s.args, *s.kwargs.values()))
