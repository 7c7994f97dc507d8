"""On which axis a recurrent layer takes the samples, and on which they lie: states have theirs on axis 1, whatever the layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Shape, Sym
from aelint.semantics.operators.api import to_dim
from aelint.semantics.operators.batches import counts_samples

__all__ = ["Misplaced", "misplaced_samples", "sequence_of", "states_in", "turned_sequences"]

_RECURRENT = ("lstm", "gru", "rnn")
_COPIES = frozenset({"contiguous", "clone", "detach", "to", "cpu", "cuda", "float", "dropout"})


@dataclass(frozen=True, slots=True, eq=False)
class Misplaced:
    """A layer that takes axis `axis` for the samples, and a tensor that has them on the other of the first two axes."""

    call: Call
    layer: Object
    axis: int
    shape: Shape
    source: Site | None


def misplaced_samples(program: Program) -> Iterator[Misplaced]:
    """Sequences that are made of the final states of one layer and go into another one with their samples on its time axis."""
    calls = program.calls_to(*_RECURRENT)
    states = {s.id: (s, c) for c in calls for s in _final(c)}
    for call in calls if states else ():
        given, axis = sequence_of(call), _samples_of(call.receiver)
        if given is None or given.shape is None or len(given.shape) != 3 or axis is None:
            continue
        for state, made in (states[one.id] for one in ancestors(given) if one.id in states):
            samples = state.shape[1] if state.shape is not None and len(state.shape) == 3 else None
            if counts_samples(samples) and given.shape[1 - axis] == samples != given.shape[axis]:
                assert isinstance(call.receiver, Object)
                yield Misplaced(call, call.receiver, axis, given.shape, made.site)
                break


def turned_sequences(program: Program) -> Iterator[Misplaced]:
    """Networks that read sequences of one layout and return sequences of as many features in the other one."""
    for call in program.calls_to(*_RECURRENT):
        axis, samples, function = _samples_of(call.receiver), _count(call), call.context.function
        if axis is None or samples is None or function is None or function.name != "forward":
            continue
        if not isinstance(call.receiver, Object) or getattr(through(sequence_of(call), _COPIES), "op", "") != "param":
            continue
        features = to_dim(call.receiver.bound.get("input_size"))
        for ended in program.returns_of("forward"):
            if ended.function is not function or ended.context.stack != call.context.stack:
                continue
            for one in parts(ended.value):
                match one.shape:
                    case (_, _, last) as shape if shape[1 - axis] == samples != shape[axis] and last == features:
                        yield Misplaced(call, call.receiver, axis, shape, one.site)
                    case _:
                        pass


def _count(call: Call) -> Dim | None:
    """The number of samples in the output of a layer."""
    axis, output = _samples_of(call.receiver), call.result[0] if isinstance(call.result, tuple) else None
    shape = output.shape if isinstance(output, Sym) else None
    return shape[axis] if shape and axis is not None and len(shape) == 3 and counts_samples(shape[axis]) else None


def sequence_of(call: Call) -> Sym | None:
    """The tensor that a recurrent layer is given."""
    given = call.bound.get("input", call.args[0] if call.args else None)
    return given if isinstance(given, Sym) else None


def states_in(state: object) -> list[Sym]:
    """The one tensor of a state, or the two of an LSTM's."""
    return [part for part in (state if isinstance(state, tuple) else (state,)) if isinstance(part, Sym)]


def _final(call: Call) -> list[Sym]:
    return states_in(call.result[1]) if isinstance(call.result, tuple) and len(call.result) == 2 else []


def _samples_of(layer: object) -> int | None:
    """The axis on which a layer takes the samples."""
    first = layer.bound.get("batch_first") if isinstance(layer, Object) else None
    return (0 if first else 1) if isinstance(first, bool) else None
