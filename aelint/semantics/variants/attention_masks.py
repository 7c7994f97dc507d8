"""Masks of attention: what they mark, real steps or padding, and what is done with the marked ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import is_number, to_number

__all__ = ["Inverted", "Unhidden", "inverted_masks", "scores_of", "unhidden_scores"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Unhidden:
    """Scores of which a mask hides none: `slip` says how, `number` is what was filled in, or the axis that is missing."""

    site: Site
    slip: str
    softmax: Site
    number: float | None = None


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
            tokens, number = through(marked.attrs.get("input"), _MOVES), to_number(marked.attrs.get("other"))
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


def _padding(program: Program) -> dict[int, tuple[int, Site | None]]:
    """The number that stands for padding, by the id of the tokens: an embedding or a loss says so."""
    found: dict[int, tuple[int, Site | None]] = {}
    for call in program.calls_to("embedding"):
        tokens = through(call.args[0], _MOVES) if call.args else None
        index = call.receiver.bound.get("padding_idx") if isinstance(call.receiver, Object) else None
        if isinstance(tokens, Sym) and isinstance(index, int):
            found.setdefault(tokens.id, (index, call.receiver.site if isinstance(call.receiver, Object) else None))
    for call in program.calls_to("cross_entropy", "nll_loss"):
        settings = {**getattr(call.receiver, "bound", {}), **{k: v for k, v in call.bound.items() if v is not None}}
        tokens, index = through(settings.get("target"), _MOVES), settings.get("ignore_index")
        if isinstance(tokens, Sym) and isinstance(index, int) and index >= 0:
            found.setdefault(tokens.id, (index, call.site))
    return found


_SMALL = 1e-3
"""Up to here a score is as good as zero."""
_PRODUCTS = frozenset({"matmul", "einsum", "linear"})
_BETWEEN = RESHAPES | {
    "dropout",
    "mul",
    "truediv",
    "masked_fill",
    "add",
    "sub",
    "where",
    "setitem",
    "leaky_relu",
    "tanh",
}
_MARKS = frozenset(
    {"eq", "ne", "lt", "le", "gt", "ge", "logical_not", "logical_and", "logical_or", "invert", "tril", "triu"}
)


def unhidden_scores(program: Program) -> list[Unhidden]:
    """Masks in front of, or behind, the softmax of scores, by which nothing is hidden; each place once."""
    found: dict[int, Unhidden] = {}
    users = consumers(program)
    for call in program.calls_to("softmax"):
        if isinstance(call.result, Sym) and not call.context.speculative:
            for one in (*_before(call, users), *_behind(call, users)):
                found.setdefault(id(one.site.node), one)
    return list(found.values())


def _before(call: Call, users: dict[int, list[Sym]]) -> Iterator[Unhidden]:
    """Slips on the way from the scores to the softmax."""
    steps = list(_steps(call.bound.get("input")))
    if not any(step.op in _PRODUCTS for step in steps):
        return
    filled = [step for step in steps if step.op in _FILLS and _filled(step) is not None]
    for step in filled[:1]:
        number = _filled(step)
        if number is not None and abs(number) <= _SMALL and step.site is not None:
            yield Unhidden(step.site, "small", call.site, number)
    masks = [(step, mask) for step in steps if (mask := _hiding(step)) is not None]
    for step, mask in masks if len(masks) == 1 else ():
        axis = _missing_axis(call, step, mask)
        if axis is not None and step.site is not None:
            yield Unhidden(_shaped(mask) or step.site, "row", call.site, axis)
    again = any(user.op in {"mul", "masked_fill", "where"} for user in users.get(call.result.id, ()))
    if not any(step.op in {"matmul", "einsum", "squeeze"} for step in steps):
        return  # more than one logit of a layer for each place: the classes of a padded place are not read
    for step in steps:
        if step.op not in RESHAPES and step.op != "mul":
            break
        if step.op == "mul" and step.site is not None and not again and any(_is_mark(i) for i in step.inputs):
            yield Unhidden(step.site, "factor", call.site)


def _hiding(step: Sym) -> Sym | None:
    """The mask by which a step hides scores: filled with a large negative number, or added with one as its factor."""
    mask: Value = None
    match step:
        case Sym(op="masked_fill", attrs={"mask": marks}) if (
            number := _filled(step)
        ) is not None and number <= _HIDING:
            mask = marks
        case Sym(op="add" | "sub", inputs=(_, Sym(op="mul") as added)):
            sign = 1 if step.op == "add" else -1
            numbers = [to_number(i) for i in (*added.inputs, *added.attrs.values())]
            mask = added if any(n is not None and sign * n <= _HIDING for n in numbers) else None
    return mask if isinstance(mask, Sym) else None


def scores_of(weights: Value) -> Sym | None:
    """The products of queries and keys that a softmax shares out, None where it has other logits."""
    for step in _steps(source(weights)):
        if step.op in {"matmul", "einsum"}:
            return step
    return None


_FILLS = frozenset({"masked_fill", "where", "setitem"})
"""Operations that put a number in the place of some elements."""


def _filled(fill: Sym) -> float | None:
    """The number that is filled in, infinite ones included; for an item that is set, where a mask says which."""
    match fill:
        case Sym(op="masked_fill", attrs={"value": value}) | Sym(op="where", attrs={"input": value, "other": Sym()}):
            pass
        case Sym(op="where", attrs={"input": Sym(), "other": value}):
            pass
        case Sym(op="setitem", inputs=(_, value), attrs={"index": Sym()}):
            pass
        case _:
            return None
    return float(value) if is_number(value) else None


def _steps(value: Value) -> Iterator[Sym]:
    for _ in range(12):
        if not isinstance(value, Sym):
            return
        yield value
        if value.op not in _BETWEEN:
            return
        value = _scores(value)


def _scores(value: Sym) -> Value:
    """The operand that the scores come from: not the mask, and not the number."""
    given = [i for i in value.inputs if isinstance(i, Sym) and not _is_mark(i)]
    ranked = [i for i in given if i.op in _PRODUCTS | _BETWEEN]
    return ranked[0] if ranked else source(value)


def _missing_axis(call: Call, step: Sym, mask: Sym) -> int | None:
    """The axis, from the back, along which the softmax runs and the mask holds one number."""
    layer = call.result.layer if isinstance(call.result, Sym) else None
    axis = layer.bound.get("dim") if isinstance(layer, Object) else call.bound.get("dim")
    scores = step.shape
    if mask.shape is None or scores is None or not isinstance(axis, int):
        return None
    axis = axis - len(scores) if axis >= 0 else axis
    if not -len(mask.shape) <= axis < 0:
        return None
    others = [size for i, size in enumerate(mask.shape, -len(mask.shape)) if i != axis and i >= -2]
    return axis if mask.shape[axis] == 1 and scores[axis] != 1 and any(size != 1 for size in others) else None


def _shaped(mask: Value) -> Site | None:
    """Where a mask was given its axes."""
    for _ in range(6):
        if not isinstance(mask, Sym):
            return None
        if mask.op in RESHAPES - {"float", "to"} | {"getitem"}:
            return mask.site
        mask = next((i for i in mask.inputs if isinstance(i, Sym)), None)
    return None


def _is_mark(value: Value) -> bool:
    """Whether a tensor holds zeros and ones: a comparison, or a triangle of them."""
    value = through(value, _MOVES | {"int", "long"})
    return isinstance(value, Sym) and (value.op in _MARKS - {"tril", "triu"} or value.kind == "bool")


def _behind(call: Call, users: dict[int, list[Sym]]) -> Iterator[Unhidden]:
    """Weights that are filled as if they were scores."""
    assert isinstance(call.result, Sym)
    pending = [call.result]
    for one in pending:
        for user in users.get(one.id, ()):
            if user.op in RESHAPES | {"dropout"}:
                pending.append(user)
            number = _filled(user)
            hides = number is not None and number <= _HIDING and any(i is one for i in user.inputs)
            again = any(
                u.op in {"softmax", "log_softmax", "topk", "argmax", "max", "sort"} for u in users.get(user.id, ())
            )
            if hides and not again and user.site is not None:
                yield Unhidden(user.site, "late", call.site, number)
