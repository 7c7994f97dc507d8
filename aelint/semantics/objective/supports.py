"""Data that a law gives no probability: grey levels, of which a coin knows none but 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.attained import CARRIERS
from aelint.semantics.operators.distributions import constructor_arguments

__all__ = ["UnsupportedValue", "unsupported_values"]

_GREY = frozenset(
    {"MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST", "USPS", "CIFAR10", "CIFAR100", "SVHN", "STL10", "CelebA"}
)
"""Data sets of torchvision whose pictures are no line drawings in black and white."""
_FRACTIONS = frozenset({"rand", "randn", "sigmoid", "softmax"})
_SMOOTH = frozenset({"linear", "bilinear", "bicubic", "trilinear", "area"})
"""Modes of `interpolate` that mix neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class UnsupportedValue:
    """A density that is asked for, and where the fractions that it is asked of were made."""

    asked: Site
    made: Site | None


def unsupported_values(program: Program) -> Iterator[UnsupportedValue]:
    """Grey levels whose probability a `Bernoulli` is asked for that checks its arguments, as all do that are not told otherwise."""
    if any(c.name.endswith("set_default_validate_args") for c in program.calls):
        return
    for call in program.calls:
        value = call.bound.get("value") if call.method == "log_prob" and not call.context.speculative else None
        if _is_checking_coin(call.receiver) and (made := _fractions(value)) is not None:
            yield UnsupportedValue(call.site, made.site)


def _is_checking_coin(law: Value) -> bool:
    while isinstance(law, Object) and law.class_name == "Independent" and _checks(law):
        law = law.args[0] if law.args else law.kwargs.get("base_distribution")
    return isinstance(law, Object) and law.name.startswith("torch.") and law.class_name == "Bernoulli" and _checks(law)


def _checks(law: Object) -> bool:
    return {**law.kwargs, **constructor_arguments(law)}.get("validate_args") in {None, True}


def _fractions(value: Value) -> Sym | None:
    """What makes numbers between 0 and 1, on every branch."""
    match value := through(value, CARRIERS):
        case Sym(op="phi"):
            found = [_fractions(one) for one in alternatives(value)]
            return found[0] if None not in found else None
        case Sym(op=op) if op in _FRACTIONS:
            return value
        case Sym(op="interpolate", attrs=attrs):
            return value if attrs.get("mode") in _SMOOTH else _fractions(source(value))
        case Sym(op="to_tensor", inputs=(Sym() as picture, *_)) if _is_grey(picture):
            return value
        case _:
            return None


def _is_grey(picture: Sym) -> bool:
    while picture.op == "picture" and picture.inputs and isinstance(picture.inputs[0], Sym):
        picture = picture.inputs[0]
    data = picture.inputs[0] if picture.op == "picture" and picture.inputs else None
    return isinstance(data, Object) and data.name.startswith("torchvision.datasets.") and data.class_name in _GREY
