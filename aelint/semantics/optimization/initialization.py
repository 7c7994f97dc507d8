"""How the program sets the weights of its layers by hand: what is written into which weight, in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Context, Event, Store
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import each_module, submodules
from aelint.semantics.optimization.parameters import Weight, owner_of, weight_of

__all__ = ["Filling", "fillings", "is_frozen", "is_weighted"]

_WEIGHTED = tuple(f"torch.nn.{n}" for n in ("Linear", "Conv1d", "Conv2d", "Conv3d"))
_TRANSPOSED = tuple(f"torch.nn.ConvTranspose{n}d" for n in (1, 2, 3))
_CONSTANT = {"torch.nn.init.ones_": 1, "torch.nn.init.zeros_": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """A layer's weight (or bias) was overwritten; `constant` is the one number in all of it, None if it varies."""

    weight: Weight
    constant: float | None
    site: Site
    context: Context
    order: int


def is_weighted(layer: Value) -> bool:
    """Whether each unit of the layer is a weighted sum of all its inputs: linear and convolution layers."""
    return isinstance(layer, Object) and layer.name in (*_WEIGHTED, *_TRANSPOSED)


@per_program
def fillings(program: Program) -> list[Filling]:
    """Every time that a weight of a known layer was overwritten, in order."""
    return [f for event in program.machine.trace.events for f in _fillings(event)]


def _fillings(event: Event) -> Iterator[Filling]:
    match event:
        case Call(name=name, args=(target, *rest)) if name.startswith("torch.nn.init."):
            yield from _written(event, target, _drawn(name, tuple(rest), event.kwargs))
        case Call(method=method, receiver=receiver, args=args) if method.endswith("_") and isinstance(receiver, Sym):
            yield from _written(event, receiver, _in_place(method, args, event))
        case Store() if _is_in_place(event):
            return
        case Store(name="data", target=target, value=value):
            yield from _written(event, target, _constant_of(value))
        case Store(name="weight", target=Object() as layer, value=Sym(op="parameter", attrs={"data": data})):
            yield Filling(Weight(layer, "weight"), _constant_of(data), event.site, event.context, event.order)
        case Store(name="", target=Sym() as target, index=slice(start=None, stop=None, step=None)):
            yield from _written(event, target, _constant_of(event.value))


def _is_in_place(store: Store) -> bool:
    # `w.data.fill_(1)` is a call already; the store that puts the changed tensor back is no second one.
    return isinstance(getattr(store.site.node, "ctx", None), ast.Load)


def _drawn(name: str, args: tuple[Value, ...], kwargs: dict[str, Value]) -> float | None:
    if name in _CONSTANT:
        return _CONSTANT[name]
    low = args[0] if args else kwargs.get("val", kwargs.get("a", kwargs.get("mean", 0)))
    high = args[1] if len(args) > 1 else kwargs.get("b", kwargs.get("std", 1))
    if name == "torch.nn.init.constant_":
        return _number(low)
    if name == "torch.nn.init.uniform_" and isinstance(low, (int, float)) and low == high:
        return low
    if name == "torch.nn.init.normal_" and isinstance(high, (int, float)) and high == 0:
        return _number(low)
    return None


def _in_place(method: str, args: tuple[Value, ...], event: Call) -> float | None:
    match method, args:
        case "fill_", (value, *_):
            return _number(value)
        case "fill_", ():
            return _number(event.kwargs.get("value"))
        case "zero_", _:
            return 0
        case "copy_", (value, *_):
            return _constant_of(value)
        case _:
            return None


def _constant_of(value: Value) -> float | None:
    match value:
        case int() | float():
            return value
        case Sym(op="ones" | "ones_like"):
            return 1
        case Sym(op="zeros" | "zeros_like"):
            return 0
        case Sym(op="full" | "full_like", attrs={"fill_value": number}):
            return _number(number)
        case Sym(op="mul", inputs=(left, right)):
            a, b = _constant_of(left), _constant_of(right)
            return a * b if a is not None and b is not None else None
        case _:
            return None


def _number(value: Value) -> float | None:
    return value if isinstance(value, (int, float)) else None


def _written(event: Event, target: Value, constant: float | None) -> Iterator[Filling]:
    weight = weight_of(target)
    if weight is not None:
        yield Filling(weight, constant, event.site, event.context, event.order)
        return
    module = owner_of(target)
    if module is not None and is_module(module):
        # A loop over all parameters: every layer below the module gets the same.
        for _, layer in submodules(module):
            if is_weighted(layer) and _is_unfiltered(event.context):
                yield Filling(Weight(layer, "weight"), constant, event.site, event.context, event.order)


def _is_unfiltered(context: Context) -> bool:
    return not context.guards


def is_frozen(program: Program, layer: Object) -> bool:
    """Whether the program takes the layer's parameters out of training somewhere."""
    return id(layer) in _frozen(program)


@per_program
def _frozen(program: Program) -> frozenset[int]:
    stores = program.stores
    switched_off = [s.target for s in stores if s.name == "requires_grad" and s.value is False] + [
        c.receiver
        for c in program.method_calls("requires_grad_")
        if c.args[:1] == (False,) or False in c.kwargs.values()
    ]
    fixed = [id(s.target) for s in stores if _is_fixed(s.value)]
    return frozenset(fixed).union(id(one) for target in switched_off for one in _concerned(target))


def _is_fixed(value: Value) -> bool:
    """Whether the value is a parameter that was made as a constant: a filter that is known beforehand."""
    return isinstance(value, Sym) and value.op == "parameter" and value.attrs.get("requires_grad") is False


def _concerned(target: Value) -> Iterator[Value]:
    """The layer of a weight, or everything in the module that was named or whose parameters were."""
    weight = weight_of(target)
    owner = target if isinstance(target, (Instance, Object)) else owner_of(target)
    if weight is not None:
        yield weight.layer
    elif owner is not None and is_module(owner):
        yield from each_module(owner)
