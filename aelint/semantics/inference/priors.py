"""From which law a decoder's codes are drawn, in training and when samples are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import adds_axes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.optimization.gradients import updates

__all__ = ["PlainCode", "UniformCode", "plain_codes", "uniform_codes"]

_SAME_VALUES = frozenset(
    "view reshape flatten squeeze unsqueeze to cuda cpu contiguous float double half type type_as tensor expand repeat "
    "detach clone".split()
)
_UNIFORM = frozenset({"numpy.random.rand", "numpy.random.uniform", "numpy.random.random", "numpy.random.random_sample"})


@dataclass(frozen=True, slots=True, eq=False)
class UniformCode:
    """A layer that is trained on Gaussian codes and receives uniform ones: `drawn`."""

    layer: Object
    drawn: Sym
    trained: Sym


@dataclass(frozen=True, slots=True, eq=False)
class PlainCode:
    """A layer that receives `drawn`, standard normal codes, and is trained on codes that a learned mixture, `prior`, holds."""

    drawn: Sym
    prior: Sym


def uniform_codes(program: Program) -> Iterator[UniformCode]:
    """Uniform draws given to a layer that otherwise receives reparameterised Gaussian codes."""
    for layer, codes, trained in _decoders(program):
        for drawn in _only_sampled(program, codes, _is_uniform):
            yield UniformCode(layer, drawn, trained)


def plain_codes(program: Program) -> Iterator[PlainCode]:
    """Standard normal draws given to a layer whose codes are held to a mixture with learned components."""
    mixtures = nodes_of(program, "logsumexp")
    for _, codes, trained in _decoders(program) if mixtures else ():
        prior = next((one for one in mixtures if _is_mixture_for(one, trained)), None)
        for drawn in _only_sampled(program, codes, _is_normal) if prior is not None else ():
            if prior is not None:
                yield PlainCode(drawn, prior)


def _decoders(program: Program) -> Iterator[tuple[Object, list[Sym], Sym]]:
    """The layers that receive a reparameterised Gaussian code, with all that they receive."""
    received: dict[int, tuple[Object, list[Sym]]] = {}
    for call in program.calls:
        if (
            isinstance(call.receiver, Object)
            and call.args
            and isinstance(call.args[0], Sym)
            and call.name != "sequential"
        ):
            received.setdefault(id(call.receiver), (call.receiver, []))[1].append(call.args[0])
    for layer, codes in received.values():
        # A layer that moves a sample by its own output is the score of a chain, no decoder.
        gaussian = (c for c in codes if is_gaussian_sample(c))
        trained = next((c for c in gaussian if not any(s.layer is layer for s in _ancestors(c))), None)
        if trained is not None:
            yield layer, codes, trained


def _only_sampled(program: Program, codes: list[Sym], law: Callable[[Value], bool]) -> Iterator[Sym]:
    """The draws of a law among the codes that take part in no loss."""
    in_losses = {s.id for u in updates(program) for s in _ancestors(u.backward.of)}
    for code in codes:
        drawn = _drawn_source(code, law)
        if drawn is not None and drawn.id not in in_losses:
            yield drawn


def _is_uniform(value: Value) -> bool:
    match value:
        case Sym(op="rand" | "uniform"):
            return True
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name in _UNIFORM
        case _:
            return False


def _is_normal(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "randn"


def _is_mixture_for(summed: Sym, code: Sym) -> bool:
    """Whether a log-sum-exp compares the code with learned places that know nothing of it: a prior, not the batch's codes."""
    sample = _through(code)
    behind = {s.id for s in _ancestors(sample)} if isinstance(sample, Sym) else set()
    for one in _ancestors(summed):
        if one.op != "sub" or len(one.inputs) != 2:
            continue
        for left, right in (one.inputs, one.inputs[::-1]):
            if _through(left) is sample and isinstance(right, Sym):
                made = [s for s in _ancestors(right) if s.layer is not None or s.op == "parameter"]
                if made and not any(s.layer is not None and s.id in behind for s in made):
                    return all(s is not sample for s in _ancestors(right))
    return False


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
    while isinstance(value, Sym) and value.inputs:
        if value.op == "phi":
            # Moved to the GPU or not, it is the same tensor.
            sources = {id(source): source for source in map(_through, value.inputs)}
            return next(iter(sources.values())) if len(sources) == 1 else value
        if value.op not in _SAME_VALUES and not adds_axes(value):
            break
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
    factors = value.inputs if value.op == "mul" else (value,)
    return any(_is_normal(_through(drawn)) for factor in factors for drawn in alternatives(_through(factor)))


def _is_computed(value: Value) -> bool:
    return any(s.layer is not None for s in _ancestors(value))


def _drawn_source(value: Value, law: Callable[[Value], bool]) -> Sym | None:
    """The draw behind a tensor, through changes of shape, shifts and scales by numbers."""
    for _ in range(12):
        value = _through(value)
        if isinstance(value, Sym) and law(value):
            return value
        match value:
            case Sym(op="phi", inputs=inputs):
                # `if z is None:` draws what the caller has not given.
                own = [one for one in inputs if not (isinstance(one, Sym) and one.op == "param")]
                drawn = [_drawn_source(one, law) for one in own]
                return drawn[0] if drawn and all(one is not None for one in drawn) else None
            case Sym(op="mul" | "add" | "sub" | "truediv" | "div", inputs=(int() | float(), Sym() as inner)):
                value = inner
            case Sym(op="mul" | "add" | "sub" | "truediv" | "div", inputs=(Sym() as inner, int() | float())):
                value = inner
            case _:
                return None
    return None
