"""Masks of attention: what they mark, real steps or padding, and what is done with the marked ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.lineage import RESHAPES, source
from aelint.semantics.operators.api import to_number
from aelint.semantics.program import Program
from aelint.semantics.values import Object, Sym, Value

__all__ = ["Inverted", "inverted_masks"]

_HIDING = -1e3
"""From here on a score is as good as minus infinity."""
_PADDING = ("key_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
_MOVES = RESHAPES | {"bool", "repeat", "getitem", "type", "byte"}


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """A mask that marks the real steps, where the marked ones are hidden; `evidence` tells what padding is."""

    site: Site
    mask: Site
    evidence: Site | None
    padding: object


def inverted_masks(program: Program) -> Iterator[Inverted]:
    """Attention that hides the steps which are no padding."""
    padding = _padding(program)
    for call in program.calls:
        hidden = []
        if call.name == "masked_fill" and isinstance(call.result, Sym):
            attrs = call.result.attrs
            value = attrs.get("value")
            if isinstance(value, (int, float)) and value <= _HIDING:
                hidden = [attrs.get("mask")]
        elif call.name in {
            "multihead_attention",
            "transformer_encoder",
            "transformer_encoder_layer",
            "transformer_decoder",
        }:
            hidden = [v for k in _PADDING if isinstance(v := call.bound.get(k, call.kwargs.get(k)), Sym)]
        for mask in hidden:
            marked = _marked(mask)
            if marked is None or marked.site is None:
                continue
            tokens, number = _plain(marked.attrs.get("input")), to_number(marked.attrs.get("other"))
            known = padding.get(tokens.id) if isinstance(tokens, Sym) else None
            if known is not None and number is not None and known[0] == number:
                yield Inverted(call.site, marked.site, known[1], known[0])


def _marked(mask: Value) -> Sym | None:
    """The comparison `tokens != padding` that a mask is, not turned round on the way."""
    turned = False
    while isinstance(mask, Sym):
        match mask:
            case Sym(op="invert" | "logical_not", inputs=(inner, *_)):
                turned, mask = not turned, inner
            case Sym(op="eq", attrs={"input": Sym() as inner, "other": False | 0}) if inner.op in {"ne", "eq"} | _MOVES:
                turned, mask = not turned, inner
            case Sym(op=op) if op in _MOVES:
                mask = source(mask)
            case Sym(op="ne"):
                return None if turned else mask
            case Sym(op="eq"):
                return mask if turned else None
            case _:
                return None
    return None


def _plain(value: Value) -> Value:
    while isinstance(value, Sym) and value.op in _MOVES:
        value = source(value)
    return value


def _padding(program: Program) -> dict[int, tuple[int, Site | None]]:
    """The number that stands for padding, by the id of the tokens: an embedding or a loss says so."""
    found: dict[int, tuple[int, Site | None]] = {}
    for call in program.calls_to("embedding"):
        tokens = _plain(call.args[0]) if call.args else None
        index = call.receiver.bound.get("padding_idx") if isinstance(call.receiver, Object) else None
        if isinstance(tokens, Sym) and isinstance(index, int):
            found.setdefault(tokens.id, (index, call.receiver.site if isinstance(call.receiver, Object) else None))
    for call in program.calls_to("cross_entropy", "nll_loss"):
        settings = {**getattr(call.receiver, "bound", {}), **{k: v for k, v in call.bound.items() if v is not None}}
        tokens, index = _plain(settings.get("target")), settings.get("ignore_index")
        if isinstance(tokens, Sym) and isinstance(index, int) and index >= 0:
            found.setdefault(tokens.id, (index, call.site))
    return found
