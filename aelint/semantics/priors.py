"""From which law a decoder's codes are drawn, in training and when samples are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.apply import syms_in
from aelint.semantics.gradients import updates
from aelint.semantics.program import Program
from aelint.semantics.values import External, Object, Sym, Value

__all__ = ["UniformCode", "uniform_codes"]

_SAME_VALUES = frozenset(
    {"view", "reshape", "flatten", "squeeze", "unsqueeze", "to", "contiguous", "float", "tensor", "expand", "repeat"}
)
_UNIFORM = frozenset({"numpy.random.rand", "numpy.random.uniform", "numpy.random.random", "numpy.random.random_sample"})


@dataclass(frozen=True, slots=True, eq=False)
class UniformCode:
    """A layer that is trained on Gaussian codes and receives uniform ones: `drawn`."""

    layer: Object
    drawn: Sym
    trained: Sym


def uniform_codes(program: Program) -> Iterator[UniformCode]:
    """Uniform draws given to a layer that otherwise receives reparameterised Gaussian codes."""
    received: dict[int, tuple[Object, list[Sym]]] = {}
    for call in program.calls:
        if (
            isinstance(call.receiver, Object)
            and call.args
            and isinstance(call.args[0], Sym)
            and call.name != "sequential"
        ):
            received.setdefault(id(call.receiver), (call.receiver, []))[1].append(call.args[0])
    in_losses = {s.id for u in updates(program) for s in _ancestors(u.backward.of)}
    for layer, codes in received.values():
        # A layer that moves a sample by its own output is the score of a chain, no decoder.
        gaussian = (c for c in codes if is_gaussian_sample(c))
        trained = next((c for c in gaussian if not any(s.layer is layer for s in _ancestors(c))), None)
        if trained is None:
            continue
        for code in codes:
            drawn = _uniform_source(code)
            if drawn is not None and drawn.id not in in_losses:
                yield UniformCode(layer, drawn, trained)


def _ancestors(value: Value) -> list[Sym]:
    found: dict[int, Sym] = {}
    pending = syms_in(value)
    while pending:
        one = pending.pop()
        if one.id not in found:
            found[one.id] = one
            pending.extend(s for i in one.inputs for s in syms_in(i))
    return list(found.values())


def _through(value: Value) -> Value:
    while isinstance(value, Sym) and value.op in _SAME_VALUES and value.inputs:
        value = value.inputs[0]
    return value


def is_gaussian_sample(value: Value) -> bool:
    """Whether the tensor is `mean + scale * normal noise`, with a mean that some layer computed."""
    match _through(value):
        case Sym(op="add", inputs=(Sym() as left, Sym() as right)):
            return any(_is_scaled_noise(n) and _is_computed(m) for n, m in ((left, right), (right, left)))
        case Sym(op="rsample" | "normal", inputs=inputs):
            return any(_is_computed(i) for i in inputs)
        case Sym(op="phi", inputs=inputs):
            return any(is_gaussian_sample(i) for i in inputs)
        case _:
            return False


def _is_scaled_noise(value: Sym) -> bool:
    value = _through(value)
    if value.op == "randn":
        return True
    return value.op == "mul" and any(isinstance(f, Sym) and _through(f).op == "randn" for f in value.inputs)


def _is_computed(value: Value) -> bool:
    return any(s.layer is not None for s in _ancestors(value))


def _uniform_source(value: Value) -> Sym | None:
    """The uniform draw behind a tensor, through changes of shape, shifts and scales by numbers."""
    for _ in range(12):
        value = _through(value)
        match value:
            case Sym(op="rand" | "uniform"):
                return value
            case Sym(op="call", attrs={"callee": External(name=name)}) if name in _UNIFORM:
                return value
            case Sym(op="mul" | "add" | "sub" | "truediv" | "div", inputs=(int() | float(), Sym() as inner)):
                value = inner
            case Sym(op="mul" | "add" | "sub" | "truediv" | "div", inputs=(Sym() as inner, int() | float())):
                value = inner
            case _:
                return None
    return None
