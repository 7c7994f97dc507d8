"""Averages over batches: what was added up, and what it is divided by."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.objective.losses import reduction_word
from aelint.semantics.optimization.schedules import is_over_batches

__all__ = ["WrongAverage", "addends", "is_weighted_mean", "sums_counted_twice", "wrong_averages"]

_MAX_ADDENDS = 64
_AS_NUMBER = frozenset({"item", "item_value", "detach", "to", "float"})


@dataclass(frozen=True, slots=True, eq=False)
class WrongAverage:
    """A quotient whose numerator counts samples and whose denominator counts batches, or the other way round."""

    site: Site
    weighted: bool
    """True when each batch's mean was multiplied by its size."""


def wrong_averages(program: Program) -> Iterator[WrongAverage]:
    """Sums of batch means over the number of samples, and sums over samples over the number of batches."""
    for event in program.assignments:
        value = event.value
        if (
            not isinstance(value, Sym)
            or value.op not in {"truediv", "div"}
            or len(value.inputs) != 2
            or value.site is None
        ):
            continue
        kinds = {_kind(leaf) for leaf in addends(value.inputs[0])}
        if kinds == {"mean"} and _counts_samples(value.site.node):
            yield WrongAverage(value.site, weighted=False)
        elif kinds == {"weighted"} and _counts_batches(value.inputs[1]):
            yield WrongAverage(value.site, weighted=True)


def sums_counted_twice(program: Program) -> Iterator[Site]:
    """Running sums of a loss that is a sum over the batch already, times the number of samples in the batch."""
    for event in program.assignments:
        leaves = addends(event.value) if isinstance(event.value, Sym) and event.value.op in {"add", "phi"} else []
        if (
            leaves
            and any(is_over_batches(one) for one in event.context.loops)
            and all(_is_sum_times_size(leaf) for leaf in leaves)
        ):
            yield event.site


def _is_sum_times_size(value: Value) -> bool:
    match value:
        case Sym(op="mul", inputs=(left, right)):
            pairs = ((left, right), (right, left))
            return any(isinstance(s, Poly) and s.has_batch and _is_sum(n) for n, s in pairs)
        case _:
            return False


def _is_sum(value: Value) -> bool:
    """Whether the value is the number of a loss all of whose terms add up over the batch."""
    match value:
        case Sym(op=op, attrs=attrs, inputs=(inner, *_)) if op in _AS_NUMBER and "index" not in attrs:
            return _is_sum(inner)
        case Sym(op="add" | "sub", inputs=(left, right)):
            return _is_sum(left) and _is_sum(right)
        case Sym(op="mul" | "truediv", inputs=(left, right)):
            return (_is_number(right) and _is_sum(left)) or (_is_number(left) and _is_sum(right))
        case Sym(op="neg", inputs=(inner,)):
            return _is_sum(inner)
        case Sym(op=op) if op.endswith(("loss", "cross_entropy", "with_logits")):
            return reduction_word(value) == "sum"
        case Sym(op="sum", attrs=attrs):
            return attrs.get("dim") is None
        case _:
            return False


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float))


def addends(total: Value) -> list[Value]:
    """What a running sum adds up, over all rounds; the number that it starts from is left out."""
    found: dict[int, Value] = {}
    pending, steps = [total], 0
    while pending and steps < _MAX_ADDENDS:
        steps += 1
        match pending.pop():
            case Sym(op="add" | "phi", inputs=inputs):
                pending.extend(inputs)
            case Sym() as leaf:
                found[leaf.id] = leaf
            case _:
                pass
    return list(found.values())


def is_weighted_mean(value: Value) -> bool:
    """Whether the value is a batch's mean loss times the number of its samples."""
    return _kind(value) == "weighted"


def _kind(value: Value) -> str:
    match value:
        case Sym(op="mul", inputs=(left, right)):
            for mean, size in ((left, right), (right, left)):
                if _is_mean(mean) and isinstance(size, Poly) and size.has_batch:
                    return "weighted"
            return ""
        case _:
            return "mean" if _is_mean(value) else ""


def _is_mean(value: Value) -> bool:
    """Whether the value is the number of a loss that is a mean over the batch."""
    match value:
        case Sym(op=op, attrs=attrs, inputs=(inner, *_)) if op in _AS_NUMBER and "index" not in attrs:
            return _is_mean(inner)
        case Sym(op=op) if op.endswith(("loss", "cross_entropy", "with_logits")):
            return reduction_word(value) == "mean"
        case Sym(op="mean", attrs=attrs):
            return attrs.get("dim") is None
        case Sym(op="add" | "sub", inputs=(left, right)):
            return _is_mean(left) and _is_mean(right)
        case Sym(op="mul", inputs=(left, right)):
            return (_is_number(left) and _is_mean(right)) or (_is_number(right) and _is_mean(left))
        case Sym(op="truediv", inputs=(left, Poly() as samples)):
            return samples.has_batch and _is_sum(left)
        case _:
            return False


def _counts_batches(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "len" and any(_is_loader_of_many(i) for i in value.inputs)


def _is_loader_of_many(value: Value) -> bool:
    if not isinstance(value, Object) or not value.name.endswith(".DataLoader"):
        return False
    size = value.args[1] if len(value.args) > 1 else value.kwargs.get("batch_size", 1)
    return bool(size != 1)


def _counts_samples(node: ast.AST) -> bool:
    """Whether the denominator is written `len(<something>.dataset)`."""
    match node:
        case ast.BinOp(right=right) | ast.AugAssign(value=right):
            match right:
                case ast.Call(func=ast.Name(id="len"), args=[ast.Attribute(attr="dataset")]):
                    return True
    return False
