"""Gradient penalties of critics: between which points their gradient is taken, over which axes, and for which loss."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Call
from aelint.semantics.domain.values import ListValue, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.syntax.walk import every, walk

__all__ = ["Interpolation", "interpolations", "left_out_penalties", "mixed_with_itself", "partial_norms"]

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
    for call, point in _penalised(program):
        weight = _weight(_same(point))
        if weight is not None:
            yield Interpolation(call, weight)


def _penalised(program: Program) -> Iterator[tuple[Call, Value]]:
    """Calls of `autograd.grad` whose result can be differentiated again, with the point at which the gradient is taken."""
    for call in program.calls_to("torch.autograd.grad"):
        if call.kwargs.get("create_graph") is True:
            at = call.kwargs.get("inputs", call.args[1] if len(call.args) > 1 else None)
            points = at.items if isinstance(at, ListValue) else [at]
            if len(points) == 1:
                yield call, points[0]


def partial_norms(program: Program) -> Iterator[tuple[Call, int]]:
    """Norms of such a gradient over one axis of several that make up a sample, with the number of axes."""
    ranks = {id(c.result): len(p.shape) for c, p in _penalised(program) if isinstance(p, Sym) and p.shape is not None}
    for call in program.calls_to("norm", "vector_norm") if ranks else ():
        gradient = call.bound.get("input")
        while isinstance(gradient, Sym) and gradient.op in {"item", "getitem", "element"} and id(gradient) not in ranks:
            gradient = gradient.inputs[0] if gradient.inputs else None
        rank = ranks.get(id(gradient), 0)
        dim = call.bound.get("dim")
        if rank > len(("sample", "feature")) and isinstance(dim, int) and not isinstance(dim, bool):
            yield call, rank


def left_out_penalties(program: Program, reached: set[int]) -> Iterator[Binding]:
    """Names of numbers made of such a gradient that no backward pass depends on, in functions that call `backward`."""
    made = {c.result.id for c, _ in _penalised(program) if isinstance(c.result, Sym)}
    ending = {id(c.context.function) for c in backward_passes(program)}
    used = {
        one
        for c in program.calls
        if c.method == "backward" and isinstance(c.receiver, Sym)
        for one in _behind(c.receiver)
    }
    met, found = set[int](), list[Binding]()
    for binding in program.bindings if made else ():
        value = binding.value
        if id(binding.context.function) not in ending or binding.context.no_grad or not isinstance(value, Sym):
            continue
        plain = value.shape == () and value.op not in {"item", "item_value", "detach"}
        if {one.id for one in (value, *alternatives(value)) if isinstance(one, Sym)} & (reached | used):
            met.add(id(binding.site.node))
        elif plain and made & _behind(value):
            found.append(binding)
    # Of a list that a loop fills, the interpreter keeps the losses of one round.
    yield from (b for b in found if id(b.site.node) not in met)


def _behind(value: Sym) -> set[int]:
    """What the value was computed from, but for numbers that are only read off, `loss.item()`."""
    found: set[int] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if one.id not in found:
            found.add(one.id)
            read_off = one.op in {"item", "item_value"} and "index" not in one.attrs
            pending.extend(i for i in one.inputs if isinstance(i, Sym) and not (read_off or one.op == "detach"))
    return found


def mixed_with_itself(program: Program) -> Iterator[tuple[Sym, Site]]:
    """Points `(1 - t) * a + t * a`, both ends of which are one tensor, and where the tensor gets its second name."""
    for node in nodes_of(program, "add"):
        if len(node.inputs) != 2 or node.site is None:
            continue
        left, right = node.inputs
        for first, one in _factors(left):
            for second, other in _factors(right):
                ends = isinstance(one, Sym) and one.tensor is not False and _same(one) is _same(other)
                # One of them without its gradient: the weight says where gradients pass.
                ends = ends and _is_cut(one) == _is_cut(other) and not _are_apart(one, other)
                if ends and (_complements(first, second) or _complements(second, first)):
                    yield node, _second_name(node.site) or node.site


def _second_name(site: Site) -> Site | None:
    """The plain assignment `b = a` that gives a name of the expression what another one has."""
    names = {n.id for n in every(ast.Name, site.node)}
    for node in walk(site.unit.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=new)], value=ast.Name(id=old)) if {new, old} <= names:
                return Site(site.unit, node)
    return None


def _complements(rest: Value, weight: Value) -> bool:
    return isinstance(rest, Sym) and rest.op == "sub" and isinstance(weight, Sym) and _is_complement(rest, weight)


def _same(value: Value) -> Value:
    """The tensor behind copies and flags that change none of its values."""
    return _steps(value)[-1]


def _is_cut(value: Value) -> bool:
    """Whether gradients end between the tensor and the value."""
    return any(isinstance(step, Sym) and step.op == "detach" for step in _steps(value))


def _are_apart(one: Value, other: Value) -> bool:
    """Whether each is a copy of its own: of running statistics, say, before and after they have moved."""
    copies = [{id(s) for s in _steps(v) if isinstance(s, Sym) and s.op in {"clone", "copy"}} for v in (one, other)]
    return all(copies) and copies[0].isdisjoint(copies[1])


def _steps(value: Value) -> list[Value]:
    steps = [value]
    for _ in range(10):
        match steps[-1]:
            case Sym(op=op, inputs=(inner, *_)) if op in _KEPT:
                steps.append(inner)
            case _:
                break
    return steps


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
            return _same(again) is _same(weight)
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
