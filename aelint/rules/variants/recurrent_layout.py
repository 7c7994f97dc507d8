"""Axes of a recurrent layer are taken for others: batch for time, layers for batch.

## What it does

Reports

- an initial state whose rank or sizes do not fit the layer and its input,
- the last *sample* taken where the last *step* is meant: `out[-1]` with `batch_first=True`, `out[:, -1]`
  without, and `h[:, -1]` of a state, whose first axis is always the layers,
- codes made of final states that fold layers or directions with samples (`h.view(-1, 2 * hidden)`), join the same
  direction with itself, or keep the first of several layers alone,
- batches of a loader, samples first, that go into a layer or attention built without `batch_first=True`,
- a decoder that is given repeated final states with the samples on the axis that it takes for time,
- an encoder and a decoder of which one has `batch_first=True`, where the network returns its sequences turned round,
- the output of a transformer built without it that is averaged over axis 1, or of which element 0 of axis 1 is kept.

## Why is this bad?

A wrong initial state raises, often only when sampling. A wrong axis runs: all samples of a batch then
share one code, or the layer steps through the samples as if they were time.

## Example

```python
import torch
from torch import nn

encoder = nn.LSTM(8, 16, batch_first=True)
x = torch.randn(32, 20, 8)
out, (h, c) = encoder(x)
code = out[-1]
```

```python
import torch
from torch import nn

decoder = nn.GRU(8, 16, num_layers=2, batch_first=True)
start = torch.randn(2, 32, 16).unsqueeze(0)
out, _ = decoder(torch.randn(32, 20, 8), start)
```

## Use instead

```python
import torch
from torch import nn

encoder = nn.LSTM(8, 16, batch_first=True)
x = torch.randn(32, 20, 8)
out, (h, c) = encoder(x)
code = out[:, -1]
```

```python
import torch
from torch import nn

decoder = nn.GRU(8, 16, num_layers=2, batch_first=True)
start = torch.randn(2, 32, 16)
out, _ = decoder(torch.randn(32, 20, 8), start)
```

## Known limits

Speaks only where the input is known to have three axes. The last step of a bidirectional layer, whose
backward half has seen one step only, is common and left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import source, through
from aelint.semantics.domain.dims import Dim, Poly, contradict
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Shape, Sym, Value, elements
from aelint.semantics.explanation.wording import place, shape_text
from aelint.semantics.operators.api import to_int
from aelint.semantics.operators.batches import is_loaded
from aelint.semantics.variants.sequence_layouts import (
    Misplaced,
    misplaced_samples,
    sequence_of,
    states_in,
    turned_sequences,
)

RULE = Rule(
    code="AEL711",
    name="recurrent-layout",
    summary="axes of a recurrent layer are taken for others",
    severity=Severity.ERROR,
    triggers=(("lstm", "gru", "rnn", "transformer", "multiheadattention"),),
)

_RECURRENT = frozenset({"lstm", "gru", "rnn"})
_ATTENTION = frozenset(
    {"multihead_attention", "transformer_encoder", "transformer_encoder_layer", "transformer_decoder"}
)

_COPIES = frozenset({"contiguous", "clone", "detach", "to", "cpu", "cuda", "float", "double", "half"})
"""Operations that leave a tensor's axes to the one that made them."""


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for initial states, for steps taken from results, and for inputs."""
    yield from chain(
        _states(program), _steps(program), _codes(program), _inputs(program), _pooled(program), _layouts(program)
    )


def _input(call: Call) -> Shape | None:
    given = sequence_of(call)
    return given.shape if given is not None else None


def _states(program: Program) -> Iterator[Finding]:
    for call in program.calls_to(*_RECURRENT):
        shape, layer = _input(call), call.receiver
        if shape is None or len(shape) not in {2, 3} or not isinstance(layer, Object):
            continue
        for part in states_in(call.bound.get("hx")):
            fault = _state_fault(part.shape, shape, layer) if part.shape is not None else None
            made = through(part, _COPIES)
            if fault is not None and isinstance(made, Sym) and made.site is not None:
                note = Note(call.site, f"the input has shape {shape_text(shape)}")
                yield Finding(made.site, f"the initial state of `{call.name}` {fault}", (note,))


def _state_fault(state: Shape, given: Shape, layer: Object) -> str | None:
    if len(state) != len(given):
        return f"has shape {shape_text(state)}: {len(state)} axes, where the input has {len(given)}"
    count, width = _state_sizes(layer)
    first = layer.bound.get("batch_first")
    if count is not None and _differ(state[0], count):
        return f"has shape {shape_text(state)}: axis 0 must be {count}, the layers times the directions"
    if width is not None and _differ(state[-1], width):
        return f"has shape {shape_text(state)}: the last axis must be the hidden size {width}"
    if len(given) == 3 and isinstance(first, bool) and _differ(state[1], given[0 if first else 1]):
        return (
            f"has shape {shape_text(state)}: axis 1 must be the batch, {shape_text((given[0 if first else 1],))[1:-2]}"
        )
    return None


def _state_sizes(layer: Object) -> tuple[int | None, int | None]:
    layers, both = to_int(layer.bound.get("num_layers")), layer.bound.get("bidirectional")
    projected = layer.bound.get("proj_size")
    count = layers * (2 if both else 1) if layers is not None and isinstance(both, bool) else None
    return count, to_int(layer.bound.get("hidden_size")) if projected in {None, 0} else None


def _differ(size: Dim, wanted: Dim) -> bool:
    return isinstance(size, int) and isinstance(wanted, int) and contradict(size, wanted)


def _steps(program: Program) -> Iterator[Finding]:
    """Elements taken from the outputs and states of recurrent layers."""
    made: dict[int, tuple[str, Call]] = {}
    for call in program.calls_to(*_RECURRENT):
        match call.result:
            case (Sym() as output, states):
                made[output.id] = ("output", call)
                made.update({state.id: ("state", call) for state in states_in(states)})
    for node in nodes(program) if made else ():
        whole = node.attrs.get("input")
        if node.op != "getitem" or not isinstance(whole, Sym) or whole.id not in made or node.site is None:
            continue
        kind, call = made[whole.id]
        fault = _step_fault(kind, call, node.attrs.get("index"))
        if fault is not None:
            yield Finding(node.site, fault, (Note(call.site, f"`{call.name}` is applied here"),))


def _step_fault(kind: str, call: Call, index: Value) -> str | None:
    shape, layer = _input(call), call.receiver
    first = layer.bound.get("batch_first") if isinstance(layer, Object) else None
    if shape is None or len(shape) != 3 or not isinstance(first, bool):
        return None
    of_first = isinstance(index, int) and not isinstance(index, bool) and index == -1
    of_second = isinstance(index, tuple) and len(index) >= 2 and index[0] == slice(None) and index[1] == -1
    of_second = of_second and not isinstance(index[1], bool)
    match kind:
        case "output" if of_first and first:
            return (
                "with `batch_first=True` axis 0 is the batch: this is the last sample, not the last step; use `[:, -1]`"
            )
        case "output" if of_second and not first:
            return "without `batch_first=True` axis 0 is time: this is the last sample, not the last step; use `[-1]`"
        case "state" if of_second and len(index) == 2:
            return "axis 0 of a state is the layers, whatever `batch_first` says: this is the last sample; use `[-1]`"
        case _:
            return None


def _codes(program: Program) -> Iterator[Finding]:
    """Codes made of final states: layers and directions are axis 0, and each sample needs all of its own."""
    users = consumers(program)
    for call in program.calls_to(*_RECURRENT):
        layer, shape = call.receiver, _input(call)
        if not isinstance(call.result, tuple) or not isinstance(layer, Object):
            continue
        given = source(call.result[0])
        packed = (
            isinstance(given, Sym) and isinstance(inner := source(given), Sym) and inner.op == "pack_padded_sequence"
        )
        batched = packed or (shape is not None and len(shape) == 3)
        count, width = _state_sizes(layer)
        states = call.result[1] if isinstance(call.result[1], tuple) else (call.result[1],)
        for state in states:
            if isinstance(state, Sym) and count is not None and count > 1:
                note = Note(call.site, f"`{call.name}` gives {count} final states for each sample here")
                faults = [*_first_layer(state, users, count, layer)]
                faults += _code_faults(state, users, (count, width)) if batched else ()
                yield from (replace(f, notes=(note,)) for f in faults)


def _code_faults(state: Sym, users: dict[int, list[Sym]], sizes: tuple[int, int | None]) -> Iterator[Finding]:
    direct = users.get(state.id, [])
    for used in direct:
        if used.site is not None and _folds_layers(used, state, *sizes):
            yield Finding(
                used.site,
                f"axis 0 of the state is its {sizes[0]} layers and directions: this puts the states of different samples side by "
                "side; bring the batch to the front first, `transpose(0, 1)`",
            )
    whole = (state, *(d for d in direct if d.op == "view"))
    taken = [g for one in whole for g in users.get(one.id, []) if g.op == "getitem"]
    for joined in {j.id: j for g in taken for j in users.get(g.id, []) if j.op == "cat"}.values():
        if joined.site is not None and _is_same_twice(joined, taken):
            yield Finding(
                joined.site,
                "the same final state is taken twice: the other direction is left out; take one of each, `h[-2]` and `h[-1]`",
            )


def _first_layer(state: Sym, users: dict[int, list[Sym]], count: int, layer: Object) -> Iterator[Finding]:
    direct = users.get(state.id, [])
    alone = bool(direct) and all(d.op == "getitem" and _is_zero(d.attrs.get("index")) for d in direct)
    site = direct[0].site if alone else None
    if layer.bound.get("bidirectional") is False and site is not None:
        message = f"this is the state of the first of {count} layers, the others are not used; take `[-1]`"
        yield Finding(site, message, severity=Severity.WARNING)


def _folds_layers(used: Sym, state: Sym, count: int, width: int | None) -> bool:
    """Whether `view(-1, layers * width)` joins what lies side by side in memory, which are samples."""
    if used.op != "view" or width is None or not used.shape or len(used.shape) != 2 or used.shape[0] == 1:
        return False
    alone = state.shape is not None and len(state.shape) == 3 and state.shape[1] == 1
    return used.shape[-1] == count * width and not alone


def _is_same_twice(joined: Sym, taken: list[Sym]) -> bool:
    parts = _listed(joined)
    own = [p for p in parts if isinstance(p, Sym) and any(p is g for g in taken)]
    return len(own) == len(parts) == 2 and len({(id(source(p)), repr(p.attrs.get("index"))) for p in own}) == 1


def _is_zero(index: Value) -> bool:
    """Whether it takes element 0 of the first axis and leaves the others whole: `h[0]`, `h[0, :, :]`."""
    if isinstance(index, tuple) and index:
        return _is_zero(index[0]) and all(one is ... or one == slice(None) for one in index[1:])
    return isinstance(index, int) and not isinstance(index, bool) and index == 0


def _listed(joined: Sym) -> list[Value]:
    return elements(joined.attrs.get("tensors")) or []


def _inputs(program: Program) -> Iterator[Finding]:
    for call in program.calls_to(*_RECURRENT, *_ATTENTION):
        shape, built = _input(call), _time_first(call.receiver)
        if (
            built is not None
            and shape is not None
            and len(shape) == 3
            and _of_loader(shape[0])
            and not _of_loader(shape[1])
        ):
            message = (
                f"this layer takes axis 0 for time, but the samples of the batch lie along axis 0 of {shape_text(shape)}, which it is "
                f"given ({place(call.site, built)}): build it with `batch_first=True`"
            )
            yield Finding(built, message, (Note(call.site, "samples first"),))


def _layouts(program: Program) -> Iterator[Finding]:
    """Layers of one network that disagree on the axis of the samples."""
    misplaced = {id(one.layer): one for one in misplaced_samples(program)}
    told = {id(one.call.context.function) for one in misplaced.values()}
    turned = {id(one.layer): one for one in turned_sequences(program) if id(one.call.context.function) not in told}
    for one in misplaced.values():
        if one.layer.site is not None:
            message = (
                f"this layer takes axis {one.axis} for the samples and axis {1 - one.axis} for time; what it is given, {shape_text(one.shape)}, "
                f"is made of final states and has the samples on axis {1 - one.axis} ({place(one.call.site, one.layer.site)}): "
                f"{_remedy(one)}"
            )
            yield Finding(one.layer.site, message, (Note(one.call.site, f"samples on axis {1 - one.axis}"),))
    for one in turned.values():
        if one.layer.site is not None:
            notes = (Note(one.source, f"the result has them on axis {1 - one.axis}"),) if one.source is not None else ()
            message = (
                f"this layer takes axis {one.axis} of the input for the samples, and the network returns {shape_text(one.shape)} with "
                f"the samples on axis {1 - one.axis}: its layers disagree. Give all of them the same `batch_first`"
            )
            yield Finding(one.layer.site, message, notes, severity=Severity.WARNING)


def _remedy(one: Misplaced) -> str:
    return (
        "build it with `batch_first=True`"
        if one.axis
        else "repeat the state along axis 1, or build it without `batch_first=True`"
    )


def _pooled(program: Program) -> Iterator[Finding]:
    """Transformers that take axis 0 for time, whose outputs are summed up over axis 1: their samples."""
    users = consumers(program)
    for call in program.calls_to(*(_ATTENTION - {"multihead_attention"})):
        match _input_of_transformer(call), _time_first(call.receiver), call.result:
            case (_, _, _) as shape, Site() as built, Sym() as result:
                pool = _pool(result, users)
            case _:
                continue
        if pool is not None:
            message = (
                f"this layer takes axis 0 of {shape_text(shape)} for time and axis 1 for samples, but axis 1 of its output is "
                f"summed up as time ({place(pool, built)}): attention mixes the samples. Build it with `batch_first=True`"
            )
            yield Finding(built, message, (Note(pool, "axis 1 is taken for time here"),))


def _input_of_transformer(call: Call) -> Shape | None:
    given = call.bound.get("src", call.bound.get("tgt", call.args[0] if call.args else None))
    return given.shape if isinstance(given, Sym) else None


def _pool(output: Sym, users: dict[int, list[Sym]]) -> Site | None:
    """Where the mean is taken over axis 1, or its first element, of an output in its own layout."""
    pending = [output]
    for one in pending:
        for user in users.get(one.id, ()):
            match user:
                case Sym(op="mean", attrs={"dim": 1 | -2}):
                    return user.site
                case Sym(op="getitem", attrs={"index": (slice(start=None, stop=None, step=None), 0, *_)}):
                    return user.site
                case Sym(op="dropout" | "layer_norm" | "relu" | "gelu" | "tanh"):
                    pending.append(user)
                case _:
                    pass
    return None


def _innermost(layer: Value) -> Value:
    """The layer that a stack of layers copies, which has the setting; else the layer itself."""
    match layer:
        case Object(bound={"encoder_layer": Object() as inner} | {"decoder_layer": Object() as inner}):
            return inner
        case _:
            return layer


def _time_first(layer: Value) -> Site | None:
    """Where a layer was built that takes axis 0 for time; None for any other."""
    match _innermost(layer):
        case Object(bound={"batch_first": False}, site=built):
            return built
        case _:
            return None


def _of_loader(size: Dim) -> bool:
    """Whether a size is the number of samples in a batch of a loader."""
    match size:
        case Poly(terms=(((only,), 1),)):
            return is_loaded(only)
        case _:
            return False
