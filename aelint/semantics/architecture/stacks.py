"""Chains of linear layers with nothing between them that is not linear itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import consumers, nodes, nodes_of
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Activation
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.operators.api import to_int, to_number

__all__ = ["ACTIVATIONS", "LinearStack", "linear_stacks"]

ACTIVATIONS = frozenset(
    "relu leaky_relu elu selu celu gelu silu mish softplus sigmoid tanh relu6 prelu hardswish hardsigmoid softsign "
    "logsigmoid hardtanh glu".split()
)
_AFFINE = frozenset({"batch_norm", "dropout", "identity", "contiguous", "to"})
SHORTEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class LinearStack:
    """Linear layers in the order in which the tensor passes them; a network that is no more than one counts as one."""

    layers: tuple[Object | Instance, ...]


def linear_stacks(program: Program) -> Iterator[LinearStack]:
    """Chains of three or more linear layers that one layer could replace, in programs that use activations elsewhere."""
    layers = _layers(program)
    linear = [n for n in nodes(program) if n.id in layers]
    if not any(_is_activated(program, n) for n in nodes_of(program, "linear")):
        return
    inner = {before.id for n in linear if (before := _linear_before(program, n)) is not None}
    for last in linear:
        if last.id not in inner:
            chain = _chain(program, last)
            # Without a bias it is a matrix that somebody asked for: an operator on the code, a projection.
            if all(_has_bias(node) for node in chain):
                parts = ([layers[node.id] for node in part] for part in _collapsing(chain))
                yield from (LinearStack(tuple(part)) for part in parts if len({id(one) for one in part}) == len(part))


@per_program
def _layers(program: Program) -> dict[int, Object | Instance]:
    """What gave each linear node: a layer of torch, or a network of the project that multiplies with a weight of its own."""
    found: dict[int, Object | Instance] = {}
    for call in program.calls_to("linear"):
        match call.result, call.context.stack:
            case Sym(op="linear", layer=Object() as layer) as node, _:
                found[node.id] = layer
            case Sym(op="linear", layer=None) as node, [*_, Activation(receiver=Instance() as network)]:
                weight = _unscaled(node.attrs.get("weight"))
                if isinstance(weight, Sym) and any(weight is own for own in network.attrs.values()):
                    found[node.id] = network
    return found


def _unscaled(value: Value) -> Value:
    """The tensor that a number is multiplied with: `weight * self.scale`, as where the learning rate is equalised."""
    while isinstance(value, Sym) and _is_scaled(value):
        value = source(value)
    return value


def _is_scaled(value: Sym) -> bool:
    return (
        value.op in {"mul", "truediv"} and isinstance(value.inputs[0], Sym) and to_number(value.inputs[1]) is not None
    )


def _has_bias(node: Sym) -> bool:
    if isinstance(node.layer, Object):
        return node.layer.bound.get("bias") is not False
    return node.attrs.get("bias") is not None


def _is_activated(program: Program, node: Sym) -> bool:
    return any(user.op in ACTIVATIONS for user in consumers(program).get(node.id, []))


def _linear_before(program: Program, node: Sym) -> Sym | None:
    value: Value = source(node)
    while isinstance(value, Sym) and _is_affine(value) and _is_passed_on_only(program, value):
        value = source(value)
    found = isinstance(value, Sym) and value.id in _layers(program)
    return value if found and isinstance(value, Sym) and _is_passed_on_only(program, value) else None


def _is_affine(value: Sym) -> bool:
    return value.op in _AFFINE or _is_scaled(value)


def _is_passed_on_only(program: Program, value: Sym) -> bool:
    # What is also used elsewhere is a code, a skip connection or a head of its own.
    return len(consumers(program).get(value.id, [])) == 1


def _chain(program: Program, last: Sym) -> list[Sym]:
    found: list[Sym] = []
    node: Sym | None = last
    while node is not None:
        found.append(node)
        node = _linear_before(program, node)
    return found[::-1]


def _collapsing(chain: list[Sym]) -> Iterator[list[Sym]]:
    """The parts of a chain in which no layer is narrower than what it connects (a bottleneck would limit the rank)."""
    part: list[Sym] = chain[:1]
    for before, after in itertools.pairwise(chain):
        if not _is_wide(before, after):
            if len(part) >= SHORTEST:
                yield part
            part = []
        part.append(after)
    if len(part) >= SHORTEST:
        yield part


def _is_wide(before: Sym, after: Sym) -> bool:
    (first, middle), (_, last) = _sizes(before), _sizes(after)
    return first is not None and middle is not None and last is not None and middle >= min(first, last)


def _sizes(node: Sym) -> tuple[int | None, int | None]:
    """The features that a linear layer takes and gives."""
    match node:
        case Sym(layer=Object(bound=bound)):
            return to_int(bound.get("in_features")), to_int(bound.get("out_features"))
        case Sym(attrs={"weight": Sym(shape=(leaving, entering))}):
            return to_int(entering), to_int(leaving)
        case _:
            return None, None
