"""A recurrent cell is started from the same state in each step.

## What it does

Reports a recurrent cell or layer that is called in a loop, whose input is made from its own last result, and
whose state argument is the same tensor in every round.

## Why is this bad?

The state that the cell computes is thrown away, so nothing is carried from step to step but the last output.
Every step starts from the code again, and the sequence that is decoded soon repeats itself.

## Example

```python
import torch
from torch import nn

cell, to_value = nn.GRUCell(4, 16), nn.Linear(16, 4)


def decode(code, steps):
    y, outputs = torch.zeros(code.size(0), 4), []
    for _ in range(steps):
        state = cell(y, code)
        y = to_value(state)
        outputs.append(y)
    return torch.stack(outputs, dim=1)


decode(torch.randn(8, 16), 12)
```

## Use instead

```python
import torch
from torch import nn

cell, to_value = nn.GRUCell(4, 16), nn.Linear(16, 4)


def decode(code, steps):
    y, state, outputs = torch.zeros(code.size(0), 4), code, []
    for _ in range(steps):
        state = cell(y, state)
        y = to_value(state)
        outputs.append(y)
    return torch.stack(outputs, dim=1)


decode(torch.randn(8, 16), 12)
```

## Known limits

A cell whose input does not come from itself may serve several sequences with one start, and is not reported.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.graph import parts
from aelint.semantics.lineage import depends_on
from aelint.semantics.trace import Call
from aelint.semantics.training import following_round
from aelint.semantics.values import Sym

RULE = Rule(
    code="AEL715",
    name="restarted-recurrence",
    summary="a recurrent cell is started from the same state in each step",
    severity=Severity.WARNING,
    triggers=(("lstm", "gru", "rnn"), ("for ", "while ")),
)

_RECURRENT = ("lstm", "gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell")


def check(program: Program) -> Iterator[Finding]:
    """Yield each call whose rounds share one state although the input is fed back."""
    by_place: dict[int, list[Call]] = {}
    for call in program.calls_to(*_RECURRENT):
        if call.context.loops:
            by_place.setdefault(id(call.site.node), []).append(call)
    for calls in by_place.values():
        pairs = [(a, b) for a, b in pairwise(calls) if following_round(a.context, b.context) is not None]
        if pairs and all(_restarts(a, b) for a, b in pairs):
            yield Finding(
                calls[0].site,
                "each round starts from the same state: what was computed for it in the round before is thrown away; pass the new "
                "state on",
            )


def _restarts(before: Call, after: Call) -> bool:
    state = list(parts(after.bound.get("hx")))
    same = bool(state) and [s.id for s in state] == [s.id for s in parts(before.bound.get("hx"))]
    given = after.bound.get("input")
    return same and isinstance(given, Sym) and any(depends_on(given, one) for one in parts(before.result))
