"""Recurrent layers and cells, and the packed sequences that they take in place of padded ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Shape, Sym, Value
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh
from aelint.semantics.operators.axes import unknown_sizes
from aelint.semantics.operators.linear import check_features
from aelint.semantics.operators.ranges import NONNEGATIVE, SIGNED_UNIT
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["packed_before"]


@dataclass(frozen=True, slots=True)
class _Widths:
    """Sizes of a recurrent layer: features of an output step, of a hidden state, of a cell state, and states per sample."""

    output: Dim
    hidden: Dim
    cell: Dim
    states: Dim


_PACK = "pack_padded_sequence"


def _widths(apply: Apply) -> _Widths:
    hidden, layers = apply.dim("hidden_size"), apply.dim("num_layers")
    both, projected = apply.flag("bidirectional"), apply.dim("proj_size")
    cell = fresh("hidden_size") if hidden is None else hidden
    directions = fresh("directions") if both is None else 2 if both else 1
    width = cell if projected in {0, None} and apply["proj_size"] in (0, None) else projected
    width = fresh("proj_size") if width is None else width
    states = dims.mul(directions, fresh("num_layers") if layers is None else layers)
    return _Widths(dims.mul(directions, width), width, cell, states)


def _bounds(apply: Apply, kind: str) -> Interval:
    """States are a tanh, or mixed from one and the initial state; ReLU and projections are not bounded."""
    if kind == "RNN":
        match apply["nonlinearity"]:
            case "tanh" | None:
                return SIGNED_UNIT
            case "relu":
                return NONNEGATIVE
            case _:
                return ANY
    if kind == "LSTM":
        return SIGNED_UNIT if apply["proj_size"] in (0, None) else ANY
    start = apply["hx"]
    return SIGNED_UNIT if start is None else SIGNED_UNIT.hull(facts_of(start).range)


def _packed(value: Value) -> bool:
    # Whatever is not known to be a tensor may be a packed sequence.
    return not (isinstance(value, Sym) and value.tensor is True)


def _check_state(apply: Apply, x: Facts) -> None:
    """Report an initial state that has not as many axes as the input (a state per layer and direction)."""
    parts = apply["hx"]
    for state in parts if isinstance(parts, tuple) else (parts,):
        shape = facts_of(state).shape if isinstance(state, Sym) and state.tensor is True else None
        if shape is not None and x.shape is not None and len(x.shape) in {2, 3} and len(shape) != len(x.shape):
            apply.conflict("rank", expected=(len(x.shape),), shape=shape, argument=state)


def _register(kind: str) -> None:
    extra = ", nonlinearity='tanh'" if kind == "RNN" else ""
    init = (
        f"input_size, hidden_size, num_layers=1{extra}, bias=True, batch_first=False, dropout=0.0, "
        "bidirectional=False, proj_size=0, device=None, dtype=None"
    )

    @REGISTRY.layer(kind, init, "input, hx=None", name=kind.lower(), stateful=True)
    def recurrent(apply: Apply) -> tuple[object, ...] | None:
        packed = apply["input"]
        if isinstance(packed, Sym) and packed.op == _PACK:
            return _packed_outputs(apply, kind, packed)
        x = apply.tensor()
        _check_state(apply, x)
        if _packed(packed):
            return None if x.shape is None else _outputs(apply, kind, x)
        return _outputs(apply, kind, x if x.shape is not None else replace(x, shape=_sequences(apply)))

    @REGISTRY.layer(
        f"{kind}Cell",
        "input_size, hidden_size, bias=True" + extra + ", device=None, dtype=None",
        "input, hx=None",
        name=f"{kind.lower()}_cell",
        stateful=True,
    )
    def cell(apply: Apply) -> Facts | tuple[Facts, Facts]:
        x = apply.tensor()
        check_features(apply, x, apply.dim("input_size"))
        hidden = apply.dim("hidden_size")
        width = fresh("hidden_size") if hidden is None else hidden
        shape = None if x.shape is None or not x.shape else (*x.shape[:-1], width)
        state = Facts(shape, () if shape is not None else (width,), _bounds(apply, kind))
        return (state, Facts(state.shape, state.last)) if kind == "LSTM" else state


def _sequences(apply: Apply) -> Shape | None:
    """Three axes for a tensor of unknown shape, with the samples where the layer has them."""
    value, first = apply["input"], apply.flag("batch_first")
    if not isinstance(value, Sym) or first is None or len(value.last) > 1:
        return None
    return (*unknown_sizes(value, 3 - len(value.last), samples=0 if first else 1), *value.last)


def _outputs(apply: Apply, kind: str, x: Facts) -> tuple[object, ...]:
    if x.shape is not None and len(x.shape) not in {2, 3}:
        apply.conflict("rank", expected=(2, 3), shape=x.shape)
        x = Facts()
    check_features(apply, x, apply.dim("input_size"))
    sizes, bounds = _widths(apply), _bounds(apply, kind)
    if x.shape is None:
        output = Facts(None, (sizes.output,), bounds)
    else:
        output = Facts((*x.shape[:-1], sizes.output), (), bounds)
    hidden = _state(apply, x.shape, sizes.states, sizes.hidden, bounds)
    if kind != "LSTM":
        return output, hidden
    return output, (hidden, _state(apply, x.shape, sizes.states, sizes.cell, ANY))


def _packed_outputs(apply: Apply, kind: str, packed: Sym) -> tuple[object, ...]:
    """Packed steps, and states with an axis for the samples, wherever the padded sequences had it."""
    x = facts_of(packed.attrs.get("input"))
    check_features(apply, x, apply.dim("input_size"))
    sizes, bounds = _widths(apply), _bounds(apply, kind)
    axes = _axes(packed.attrs.get("batch_first"), x.shape)
    batch = fresh("batch", batch=True) if axes is None else axes[1]
    output = Facts(None, (sizes.output,), bounds, tensor=None)
    hidden = Facts((sizes.states, batch, sizes.hidden), (), bounds)
    return output, (hidden, Facts((sizes.states, batch, sizes.cell))) if kind == "LSTM" else hidden


def _axes(first: Value, shape: Shape | None) -> tuple[Dim, Dim] | None:
    """The numbers of steps and of samples of padded sequences."""
    if shape is None or len(shape) < 2 or not isinstance(first, bool):
        return None
    return (shape[1], shape[0]) if first else (shape[0], shape[1])


@REGISTRY.operation(
    _PACK, "input, lengths, batch_first=False, enforce_sorted=True", functions="nn.utils.rnn.pack_padded_sequence"
)
def _pack(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(None, (x.last if x.shape is None else x.shape)[-1:], x.range, x.kind, tensor=None)


@REGISTRY.operation(
    "pad_packed_sequence",
    "sequence, batch_first=False, padding_value=0.0, total_length=None",
    functions="nn.utils.rnn.pad_packed_sequence",
)
def _pad(apply: Apply) -> tuple[Facts, Facts]:
    x, first = apply.tensor("sequence"), apply["batch_first"]
    packed = packed_before(apply["sequence"])
    axes = None if packed is None else _axes(packed.attrs.get("batch_first"), facts_of(packed.attrs.get("input")).shape)
    lengths = Facts(None if axes is None else (axes[1],), (), NONNEGATIVE, "int")
    if axes is None or not isinstance(first, bool) or not x.last:
        return Facts(None, x.last, ANY), lengths
    # As long as the longest sequence, which may be shorter than what was packed.
    total = apply.dim("total_length")
    steps = fresh("steps") if total is None else total
    head = (axes[1], steps) if first else (steps, axes[1])
    return Facts((*head, *x.last[-1:]), (), ANY), lengths


def packed_before(value: Value) -> Sym | None:
    """The packing behind the outputs of one or more recurrent layers."""
    while isinstance(value, Sym) and value.op in {"item", "rnn", "lstm", "gru"} and value.inputs:
        value = value.inputs[0]
    return value if isinstance(value, Sym) and value.op == _PACK else None


def _state(apply: Apply, shape: Shape | None, states: Dim, width: Dim, bounds: Interval) -> Facts:
    first = apply.flag("batch_first")
    if shape is None:
        return Facts(None, (width,), bounds)
    if len(shape) == 2:
        return Facts((states, width), (), bounds)
    batch = fresh("batch", batch=True) if first is None else shape[0 if first else 1]
    return Facts((states, batch, width), (), bounds)


for _kind in ("RNN", "LSTM", "GRU"):
    _register(_kind)
