"""Gradient penalties of critics: between which points their gradient is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.program import Program
from aelint.semantics.trace import Call
from aelint.semantics.values import External, ListValue, Sym, Value

__all__ = ["Interpolation", "interpolations"]

_KEPT = frozenset({"requires_grad", "detach", "to", "clone", "contiguous"})


@dataclass(frozen=True, slots=True, eq=False)
class Interpolation:
    """A penalty `call` at `weight * a + (1 - weight) * b`, with random weights."""

    call: Call
    weight: Sym

    @property
    def is_per_element(self) -> bool:
        """Whether each element of a sample has a weight of its own, as far as the shapes are known."""
        shape = self.weight.shape
        if shape is not None:
            # (samples, 1, 1, 1) and (samples, channels, 1, 1) broadcast; one axis may be all that the data has.
            return len(shape) > 1 and shape[-1] != 1
        match self.weight.attrs:
            case {"input": Sym()} | {"size": Sym(op="shape") | (Sym(op="shape"),)}:
                return True
            case _:
                return False


def interpolations(program: Program) -> Iterator[Interpolation]:
    """Gradients that can be differentiated again, taken at random points between two tensors."""
    for call in program.calls_to("torch.autograd.grad"):
        if call.kwargs.get("create_graph") is not True:
            continue
        at = call.kwargs.get("inputs", call.args[1] if len(call.args) > 1 else None)
        points = at.items if isinstance(at, ListValue) else [at]
        weight = _weight(_same(points[0])) if len(points) == 1 else None
        if weight is not None:
            yield Interpolation(call, weight)


def _same(value: Value) -> Value:
    """The tensor behind copies and flags that change none of its values."""
    for _ in range(10):
        match value:
            case Sym(op=op, inputs=(inner, *_)) if op in _KEPT:
                value = inner
            case Sym(op="call", attrs={"callee": External(name="torch.autograd.Variable")}, inputs=(inner, *_)):
                value = inner
            case _:
                break
    return value


def _weight(point: Value) -> Sym | None:
    """`w` in `w * a + (1 - w) * b` and in `a + w * (b - a)`."""
    match point:
        case Sym(op="add", inputs=(left, right)):
            return _weight_of(left, right) or _weight_of(right, left)
        case Sym(op="lerp", attrs={"weight": weight}):
            return _random(weight)
        case _:
            return None


def _weight_of(one: Value, other: Value) -> Sym | None:
    for factor, rest in _factors(one):
        weight = _random(factor)
        if weight is None:
            continue
        complements = [_same(f) for f, _ in _factors(other)]
        if any(isinstance(c, Sym) and c.op == "sub" and _is_complement(c, weight) for c in complements):
            return weight
        match rest:
            case Sym(op="sub", inputs=(_, start)) if _same(start) is _same(other):
                return weight
    return None


def _is_complement(value: Sym, weight: Sym) -> bool:
    match value.inputs:
        case (1 | 1.0, again):
            return _same(again) is weight
        case _:
            return False


def _factors(product: Value) -> Iterator[tuple[Value, Value]]:
    match product:
        case Sym(op="mul", inputs=(a, b)):
            yield a, b
            yield b, a


def _random(value: Value) -> Sym | None:
    held = _same(value)
    return held if isinstance(held, Sym) and held.op == "rand" else None
