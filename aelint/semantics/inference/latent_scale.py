"""Scale factors between a latent and the decoder: applied in `encode`, undone in `decode`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.interpreter.joins import alternatives, same

__all__ = ["WrongScale", "wrong_scales"]

_FACTORS = {"mul": "multiplies", "truediv": "divides", "div": "divides"}


@dataclass(frozen=True, slots=True, eq=False)
class WrongScale:
    """Where `encode` scales the latent, and where `decode` undoes it at the wrong place or in the wrong direction."""

    scaled: Sym
    undone: Sym
    on_output: bool


def wrong_scales(program: Program) -> Iterator[WrongScale]:
    """Factors that `encode` applies to the latent and `decode` does not take away from it."""
    for network in program.networks:
        encoded = _returned(program, network, "encode")
        decoded = _returned(program, network, "decode")
        buffers = _buffers(program, network)
        for scaled, factor in (s for e in encoded for s in _scalings(e, buffers)):
            for result in decoded:
                yield from _compared(_Factor(factor, buffers), scaled, result)


def _buffers(program: Program, network: Instance) -> dict[int, str]:
    """The buffers of a network by the ids of the tensors that they were: one that is written to is another tensor later."""
    found: dict[int, str] = {}
    for call in program.method_calls("register_buffer"):
        if call.receiver is network and len(call.args) > 1 and isinstance(call.args[0], str):
            found[id(call.args[1])] = call.args[0]
    names = set(found.values())
    found.update({id(s.value): s.name for s in program.stores if s.target is network and s.name in names})
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """What the latent is scaled by, and the buffers of its network."""

    value: Value
    buffers: dict[int, str]

    def is_same(self, other: Value) -> bool:
        """Whether a value is the factor, or holds what its buffer holds by then."""
        mine = _buffer(self.value, self.buffers)
        return same(other, self.value) or (mine is not None and mine == _buffer(other, self.buffers))


def _buffer(value: Value, buffers: dict[int, str]) -> str | None:
    """The buffer that a value was read from."""
    return next((buffers[id(one)] for one in (value, *alternatives(value)) if id(one) in buffers), None)


def _returned(program: Program, network: Instance, name: str) -> list[Value]:
    found = [r for r in program.returns_of(name) if r.context.stack[-1].receiver is network]
    # Beside the latent there may be its mean and variance.
    return [one for r in found for one in (r.value if isinstance(r.value, tuple) else (r.value,))]


def _scalings(value: Value, buffers: dict[int, str]) -> list[tuple[Sym, Value]]:
    """The scaling that an outermost operation of the value is, with its factor."""
    return [
        (value, factor)
        for inner, factor in _sides(value)
        if isinstance(value, Sym) and _is_factor(factor, buffers) and isinstance(inner, Sym) and _has_layer(inner)
    ]


def _sides(value: Value) -> list[tuple[Value, Value]]:
    """What may be scaled, and by what: a product can be read both ways."""
    match value:
        case Sym(op="mul", inputs=(first, second)):
            return [(first, second), (second, first)]
        case Sym(op=op, inputs=(first, second)) if op in _FACTORS:
            return [(first, second)]
        case _:
            return []


def _is_factor(value: Value, buffers: dict[int, str]) -> bool:
    if isinstance(value, float):
        return value not in {0.0, 1.0}
    if not isinstance(value, Sym) or value.shape:
        return False
    return value.op in {"param", "attr", "parameter"} or _buffer(value, buffers) is not None


def _has_layer(value: Value) -> bool:
    pending, seen = syms_in(value), set[int]()
    while pending:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        if one.layer is not None:
            return True
        pending.extend(s for i in one.inputs for s in syms_in(i))
    return False


def _compared(factor: _Factor, scaled: Sym, result: Value) -> Iterator[WrongScale]:
    if not isinstance(result, Sym):
        return
    for inner, other in _sides(result):
        if factor.is_same(other) and isinstance(inner, Sym) and _has_layer(inner):
            if _FACTORS[result.op] != _FACTORS[scaled.op] and not _scaled_inside(inner, scaled, factor):
                yield WrongScale(scaled, result, on_output=True)
            return
    for one, inner in _scaled_inside(result, scaled, factor):
        if _FACTORS[one.op] == _FACTORS[scaled.op] and _is_bare(inner):
            yield WrongScale(scaled, one, on_output=False)


def _inside(value: Sym) -> list[Sym]:
    found: dict[int, Sym] = {}
    pending = [value]
    while pending:
        one = pending.pop()
        if one.id not in found:
            found[one.id] = one
            pending.extend(s for i in one.inputs for s in syms_in(i))
    return list(found.values())


def _scaled_inside(value: Sym, scaled: Sym, factor: _Factor) -> list[tuple[Sym, Value]]:
    """Every other scaling by the same factor on the way to `value`, and what it scales."""
    encoding = scaled.site.node if scaled.site is not None else None
    found = [(s, inner) for s in _inside(value) for inner, other in _sides(s) if factor.is_same(other)]
    # `decode(encode(x))` contains the scaling of `encode` itself.
    return [(s, inner) for s, inner in found if s.site is None or s.site.node is not encoding]


def _is_bare(value: Value) -> bool:
    """Whether the value is what `decode` was given: no layer between here and the argument."""
    return isinstance(value, Sym) and value.op in {"param", "element", "item", "getitem", "randn"}
