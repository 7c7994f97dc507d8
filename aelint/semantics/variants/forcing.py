"""Teacher forcing: which steps of a sequence a decoder reads while it predicts the sequence.

A decoder that gets the sequence itself as its input must get it one step late. Followed are operations that
treat every step alike, so that what is compared with the target can be traced to what the decoder reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.random import DRAWN

__all__ = ["TOKEN_LOSSES", "Leak", "is_bidirectional", "leaks", "recurrent_outputs"]

_RECURRENT = frozenset({"lstm", "gru", "rnn"})
_CAUSAL = frozenset({"transformer_encoder", "transformer_encoder_layer", "multihead_attention"})
_STEPWISE = RESHAPES | {
    "embedding", "linear", "dropout", "relu", "tanh", "sigmoid", "gelu", "elu", "leaky_relu", "layer_norm", "add", "mul",
    "cat", "log_softmax", "softmax", "long", "float", "reshape", "type_as", "pack",
}  # fmt: skip
"""Operations that give for each step what they make of this step."""
TOKEN_LOSSES = frozenset({"cross_entropy", "nll_loss"})
_VALUE_LOSSES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy"})
_LONGEST_PATH = 400


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """A decoder that reads the steps it is to predict."""

    decoder: Call
    loss: Call
    backwards: bool
    """Whether it reads them from behind: the input is one step late, but a bidirectional layer sees what follows."""


def leaks(program: Program) -> Iterator[Leak]:
    """Decoders of sequences whose input holds the target of the same step."""
    made = _outputs(program)
    for loss in program.calls_to(*TOKEN_LOSSES, *_VALUE_LOSSES) if made else ():
        predicted, target = loss.bound.get("input"), loss.bound.get("target")
        wanted = _steps(target)
        for end in _ends(predicted):
            decoder = made.get(end.id)
            if decoder is None or (decoder.name in _CAUSAL and loss.name not in TOKEN_LOSSES):
                continue
            given = decoder.bound.get("input", decoder.bound.get("src"))
            read = [r for r in _roots(given) if r is not None]
            if wanted is None or any(one.op in DRAWN and one is not wanted[0] for one, _ in read):
                continue
            same = [r for r in read if r == wanted]
            if same and _is_conditioned(decoder, wanted[0]) and len(_axes(given)) == 3:
                yield Leak(decoder, loss, backwards=False)
            elif (
                is_bidirectional(decoder)
                and any(r[0] is wanted[0] for r in read)
                and _is_conditioned(decoder, wanted[0])
            ):
                yield Leak(decoder, loss, backwards=True)


def recurrent_outputs(program: Program) -> dict[int, Call]:
    """The calls of recurrent layers, by the id of their output sequence."""
    calls = program.calls_to(*_RECURRENT)
    return {c.result[0].id: c for c in calls if isinstance(c.result, tuple) and isinstance(c.result[0], Sym)}


Steps = tuple[Sym, str]
"""A sequence and the slice of it that is taken, as text ("" for all)."""


def _outputs(program: Program) -> dict[int, Call]:
    """The decoders that could read ahead, by the id of their output sequence."""
    found = recurrent_outputs(program)
    for call in program.calls_to(*_CAUSAL):
        mask = call.bound.get("mask", call.bound.get("src_mask"))
        result = call.result[0] if isinstance(call.result, tuple) else call.result
        if (
            isinstance(result, Sym)
            and isinstance(mask, Sym)
            and any(one.op in {"triu", "tril"} for one in ancestors(mask))
        ):
            found[result.id] = call
    return found


def _ends(value: Value) -> Iterator[Sym]:
    """Where a chain of stepwise operations begins."""
    seen: set[int] = set()
    pending = list(parts(value))
    while pending and len(seen) < _LONGEST_PATH:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        if one.op in _STEPWISE and _keeps_steps(one):
            pending.extend(s for i in one.inputs for s in parts(i))
        else:
            yield one


def _keeps_steps(value: Sym) -> bool:
    if value.op == "cat":
        dim = value.attrs.get("dim", 0)
        return dim in {-1, 2}
    return True


def _steps(value: Value) -> Steps | None:
    """The one sequence behind a target, and the slice of it."""
    found = {(r[0].id, r[1]): r for r in _roots(value) if r is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def _roots(value: Value) -> Iterator[Steps | None]:
    for end in _ends(value):
        if end.op == "getitem" and isinstance(end.attrs.get("input"), Sym):
            whole = end.attrs["input"]
            yield (whole, repr(end.attrs.get("index")))
        elif end.op != "parameter":
            yield (end, "")


def _axes(value: Value) -> tuple[object, ...]:
    return tuple(value.shape or ()) if isinstance(value, Sym) else ()


def _is_conditioned(decoder: Call, sequence: Sym) -> bool:
    """Whether something beside the input steps tells the decoder about the sequence: it decodes a code."""
    if decoder.name in _CAUSAL:
        return True
    state = decoder.bound.get("hx")
    given = decoder.bound.get("input")
    # A state of unknown sizes was put together in a way that is not in sight: what it tells is not certain.
    beside = [one for one in parts(state) if one.shape is not None]
    beside += [
        e for e in _ends(given) if e is not sequence and not (e.op == "getitem" and e.attrs.get("input") is sequence)
    ]
    return any(depends_on(one, sequence) and one is not sequence for one in beside)


def is_bidirectional(decoder: Call) -> bool:
    """Whether the layer runs over the sequence from its end as well."""
    layer = decoder.receiver
    return isinstance(layer, Object) and layer.bound.get("bidirectional") is True
