"""Decoders that read, in both directions, the very sequence that their code was made from.

Where a data set gives inputs and targets as two columns, the one a step behind the other, nothing in the program
says so. But a decoder that starts from a code, and is shown all that the encoder was shown, needs no code.
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import RESHAPES, depends_on, source, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.variants.forcing import TOKEN_LOSSES, Leak, is_bidirectional, recurrent_outputs

__all__ = ["two_way_decoders"]

_SCORED = RESHAPES | {"linear", "log_softmax", "softmax", "dropout", "item", "pad_packed_sequence", "layer_norm"}
_SHOWN = RESHAPES | {"embedding", "dropout", "pack_padded_sequence", "masked_fill", "layer_norm"}
"""What a sequence goes through on its way into a decoder; words that are dropped from it leave the others in sight."""


def two_way_decoders(program: Program) -> Iterator[Leak]:
    """Bidirectional decoders of one column of a batch that are scored against another one of the same lengths."""
    made = {i: c for i, c in recurrent_outputs(program).items() if is_bidirectional(c)}
    for loss in program.calls_to(*TOKEN_LOSSES) if made else ():
        target = through_reshapes(loss.bound.get("target"))
        decoder = _scored(loss.bound.get("input"), made)
        if decoder is None or not isinstance(target, Sym) or target.op != "batch":
            continue
        for shown in _columns(decoder.bound.get("input")):
            alike = shown.shape == target.shape and shown.attrs.get("loader") is target.attrs.get("loader")
            decodes = any(depends_on(one, shown) for one in parts(decoder.bound.get("hx")))
            if alike and shown.shape is not None and shown is not target and decodes:
                yield Leak(decoder, loss, backwards=True)
                break


def _scored(value: Value, made: dict[int, Call]) -> Call | None:
    while isinstance(value, Sym):
        if value.id in made:
            return made[value.id]
        value = source(value) if value.op in _SCORED else None
    return None


def _columns(value: Value) -> Iterator[Sym]:
    """The columns of a batch whose steps a decoder is shown."""
    pending = [value]
    for one in pending:  # grows while it is read
        if isinstance(one, Sym) and one.op == "batch":
            yield one
        elif isinstance(one, Sym):
            pending.extend([source(one)] if one.op in _SHOWN else [p for p in alternatives(one) if p is not one])
