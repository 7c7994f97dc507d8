"""A recurrent cell is started from the same state in each step.

## What it does

Reports a recurrent cell or layer that is called in a loop, whose input is made from its own last result, and
whose state argument is the same tensor in every round. So too a call whose new state is bound to a variable that is set to
the first one before the loop, while the first one is passed in every round; and a recurrent layer without a state argument, in a
function that is given the state that the layer returned in the round before.

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

A cell whose input is another one in each round may serve several sequences with one start, and is not reported.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import parts, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors, depends_on, through_reshapes
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ListValue, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.training import following_round
from aelint.semantics.variants.dropped_states import RECURRENT, dropped_states
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL715",
    name="restarted-recurrence",
    summary="a recurrent cell is started from the same state in each step",
    severity=Severity.WARNING,
    triggers=(("lstm", "gru", "rnn"), ("for ", "while ")),
)

_CHOICES = frozenset({"softmax", "argmax", "topk", "multinomial"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each call whose rounds share one state although the input is fed back, or that is not given the state at hand."""
    by_place: dict[int, list[Call]] = {}
    for call in program.calls_to(*RECURRENT):
        if call.context.loops:
            by_place.setdefault(id(call.site.node), []).append(call)
    for calls in by_place.values():
        # Steps follow each other in the innermost loop; the loops around it are batches and epochs.
        steps = len(calls[0].context.loops) - 1
        pairs = [(a, b) for a, b in pairwise(calls) if following_round(a.context, b.context) == steps]
        if not pairs or _is_over_layers(calls[0].context.loops[-1].iterable):
            continue
        handed = [_handed_over(program, a, b) for a, b in pairs]
        if handed[0] is not None and None not in handed:
            message = (
                "each round starts from zeros: the state of the round before is passed to this function, but not to its "
                f"{calls[0].name.removesuffix('_cell').upper()}; give it as the second argument"
            )
            yield Finding(calls[0].site, message, (Note(handed[0], "the state is passed here"),))
        elif all(_restarts(a, b) for a, b in pairs):
            yield Finding(
                _in_loop(calls[0]),
                "each round starts from the same state: what was computed for it in the round before is thrown away; pass the new "
                "state on",
            )
    for dropped in dropped_states(program):
        message = (
            f"each round starts from `{dropped.first}`: the state that this returns, `{dropped.state}`, is the same at first "
            f"({place(dropped.start, dropped.call)}), and no round reads it. Pass `{dropped.state}`"
        )
        yield Finding(dropped.call, message, (Note(dropped.start, "the state at first"),))


def _handed_over(program: Program, before: Call, after: Call) -> Site | None:
    """The call that gives the last state to the function of a layer that is called without: its input does not hold it either.

    By weights of attention, or the choice of a word, little of a state comes back.
    """
    caller = after.context.stack[-1].site if after.context.stack else None
    if caller is None or after.bound.get("hx") is not None or not isinstance(before.result, tuple):
        return None
    states = {s.id for s in parts(before.result[1])}
    if states & {a.id for a in ancestors(after.bound.get("input"), _CHOICES)}:
        return None
    calls = (c for c in program.calls if c.site.node is caller.node)
    for call in (c for c in calls if following_round(before.context, c.context) is not None):
        given = parts_of_all(through_reshapes(one) for one in (*call.args, *call.kwargs.values()))
        if states & given.keys():
            return call.site
    return None


def _is_over_layers(iterable: Value) -> bool:
    """Whether each round runs another layer: a stack of cells, of which one stands for all, has a state for each."""
    match iterable:
        case tuple(items) | ListValue(items=items):
            return any(_is_over_layers(one) for one in items)
        case _:
            return is_module(iterable)


def _in_loop(call: Call) -> Site:
    """What stands in the body of the loop: the call of the cell, or of the network that holds it."""
    inside = {id(node) for node in walk(call.context.loops[-1].node)}
    sites = [call.site, *(a.site for a in reversed(call.context.stack) if a.site is not None)]
    return next((site for site in sites if id(site.node) in inside), call.site)


def _restarts(before: Call, after: Call) -> bool:
    """Whether the next round starts from the same state, and from an input that is fed back or the same as well."""
    state = list(parts(after.bound.get("hx")))
    same = bool(state) and [s.id for s in state] == [s.id for s in parts(before.bound.get("hx"))]
    given = after.bound.get("input")
    if not same or not isinstance(given, Sym) or before.callee is not after.callee:
        return False
    return given is before.bound.get("input") or any(depends_on(given, one) for one in parts(before.result))
