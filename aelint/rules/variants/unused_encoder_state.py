"""The decoder receives what the encoder computed, and does not use it.

## What it does

Reports

- a decoder network that is called with the output of an encoder network, whose `forward` never reads that
  argument, and whose result depends on no other network,
- a decoder network that hands the output on to layers that an option has left out, so that nothing comes of it,
- a recurrent decoder that starts from zeros while nothing of the recurrent encoder's result is used,
- an LSTM that starts from the hidden state of another one of the same function and from zeros in place of its cell state,
  which nothing reads.

## Why is this bad?

The reconstruction does not depend on the code. With teacher forcing the loss still falls, because the
decoder predicts each step from the one before; the encoder gets no gradient at all.

## Example

```python
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 16, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[1][-1]

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, code, history):
        return self.out(self.rnn(history)[0])

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        history = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        return self.decoder(self.encoder(x), history)
```

## Use instead

```python
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 16, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[1][-1]

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, code, history):
        return self.out(self.rnn(history, code.unsqueeze(0))[0])

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        history = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        return self.decoder(self.encoder(x), history)
```

## Known limits

An unused condition beside a code that is used is another matter, and not reported here.

## References

- Bowman et al.: Generating Sentences from a Continuous Space, 2016, https://arxiv.org/abs/1511.06349
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.callables import applied
from aelint.semantics.dataflow.graph import consumers, parts, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.modules import each_module, submodules
from aelint.semantics.variants.switched_off import switched_off
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL714",
    name="unused-encoder-state",
    summary="the decoder receives what the encoder computed, and does not use it",
    severity=Severity.ERROR,
    triggers=(("forward",),),
    absence=True,
)

_RECURRENT = ("lstm", "gru", "rnn")


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each decoder that ignores the code."""
    yield from _ignored_arguments(program)
    yield from _zero_starts(program)
    yield from _zero_cells(program)
    yield from _switched_off(program)


def _switched_off(program: Program) -> Iterator[Finding]:
    for one in switched_off(program):
        site, decoder = one.prepared, one.decoder.site
        message = (
            f"the decoder that is set up here gets the encoder's output as `{one.argument}` ({place(decoder, site)}), but `{one.option}` is off and "
            f"leaves out the layers that read it: its result does not depend on the encoder. Set `{one.option}`"
        )
        yield Finding(
            site, message, (Note(one.encoder.site, "the encoder's output"), Note(decoder, "it is passed here"))
        )


def _ignored_arguments(program: Program) -> Iterator[Finding]:
    made = {s.id: c for c in program.calls_to("network") for s in parts(c.result)}
    reported: set[int] = set()
    for call in program.calls_to("network"):
        decoder = call.receiver
        function = applied(decoder) if isinstance(decoder, Instance) else None
        if function is None or id(function.node) in reported:
            continue
        if isinstance(function.node, ast.Lambda) or not _has_weights(decoder):
            continue
        read = {n.id for n in every(ast.Name, function.node) if isinstance(n.ctx, ast.Load)}
        for name, value in zip(positional(function.node)[1:], call.args, strict=False):
            encoder = made.get(value.id) if isinstance(value, Sym) else None
            if name in read or encoder is None or encoder.receiver is decoder or not _has_weights(encoder.receiver):
                continue
            if _independent(call, made, decoder):
                reported.add(id(function.node))
                yield _finding(program, function, name, encoder, call)


def _independent(call: Call, made: dict[int, Call], decoder: Instance) -> bool:
    """Whether the result was computed, and from no other network's output."""
    results = list(parts(call.result))
    above = [a for r in results for a in ancestors(r)]
    inside = {id(module) for _, module in submodules(decoder)}
    computed = any(a.layer is not None and id(a.layer) in inside for a in above)
    others = (made[a.id] for a in above if a.id in made)
    return computed and not any(id(o.receiver) not in inside for o in others)


def _has_weights(module: Value) -> bool:
    return isinstance(module, Instance) and any(isinstance(one, Object) for one in each_module(module))


def _finding(program: Program, function: Function, name: str, encoder: Call, call: Call) -> Finding:
    assert not isinstance(function.node, ast.Lambda)
    argument = next(a for a in function.node.args.args if a.arg == name)
    # The first statement says more than the signature about where the code should come in.
    body = [s for s in function.node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    site = program.site(function.module, body[0] if body else argument)
    notes = (Note(encoder.site, "the encoder's output"), Note(call.site, f"it is passed here as `{name}`"))
    message = (
        f"the decoder never reads `{name}`, which holds the encoder's output: its result does not depend on the code"
    )
    return Finding(site, message, notes)


def _zero_starts(program: Program) -> Iterator[Finding]:
    used = consumers(program)
    returned = parts_of_all(r.value for r in program.returns)
    calls = [c for c in program.calls_to(*_RECURRENT) if isinstance(c.receiver, Object)]
    reported: set[int] = set()
    for first, second in pairwise(calls):
        same = first.context.function is second.context.function and first.context.function is not None
        if not same or first.receiver is second.receiver or id(second.site.node) in reported:
            continue
        left = list(parts(first.result))
        unused = left and not any(s.id in returned or used.get(s.id) for s in left)
        above = {a.id for a in ancestors(second.result[0])} if isinstance(second.result, tuple) else set()
        if unused and second.bound.get("hx") is None and above and not any(s.id in above for s in left):
            reported.add(id(second.site.node))
            message = "this decoder starts from zeros, and nothing of the encoder's result is used: pass its state"
            yield Finding(second.site, message, (Note(first.site, "the encoder's result"),))


def _zero_cells(program: Program) -> Iterator[Finding]:
    """LSTMs that take over the hidden state as it is from one in the same function, and leave the cell state behind."""
    used = consumers(program)
    kept = parts_of_all([*(r.value for r in program.returns), *(s.value for s in program.stores)])
    reported: set[int] = set()
    for call in program.calls_to("lstm", "lstm_cell"):
        match call.bound.get("hx"):
            case (Sym() as hidden, Sym(op="zeros")) if (state := _final_state(hidden, call)) is not None:
                cells = [one for one in used.get(state.id, ()) if one.op == "item" and one.attrs.get("index") == 1]
                if state.id in kept or any(one.id in kept or used.get(one.id) or "_" in one.names for one in cells):
                    continue
                site = _made(program, call)
                if id(site.node) not in reported:
                    reported.add(id(site.node))
                    yield _cell_finding(site, state)
            case _:
                pass


def _final_state(hidden: Sym, call: Call) -> Sym | None:
    """The pair of states of an LSTM of which a tensor is the hidden one; what an encoder hands out as its code is none."""
    match hidden:
        case Sym(
            op="item",
            attrs={"index": 0},
            inputs=(Sym(op="item", attrs={"index": 1}, inputs=(Sym(op="lstm") as made, *_)) as state, *_),
        ):
            function = call.context.function
            here = function is not None and made.site is not None and holds(function.node, made.site.node)
            return state if here else None
        case _:
            return None


def _made(program: Program, call: Call) -> Site:
    """Where the pair that the call is given was put together under a name; else the call."""
    pair = call.bound["hx"]
    named = [
        b for b in program.bindings if isinstance(b.value, tuple) and b.order < call.order and _is_pair(b.value, pair)
    ]
    return named[-1].site if named else call.site


def _is_pair(value: tuple[Value, ...], pair: tuple[Value, ...]) -> bool:
    return len(value) == len(pair) and all(a is b for a, b in zip(value, pair, strict=True))


def _cell_finding(site: Site, state: Sym) -> Finding:
    message = (
        "this LSTM starts from the hidden state of another one, but from zeros in place of its cell state, which nothing reads: "
        "what the encoder's cells hold is lost. Pass both"
    )
    notes = (Note(state.site, "the state of the encoder"),) if state.site is not None else ()
    return Finding(site, message, notes, severity=Severity.WARNING)
