"""Chains of linear layers with nothing between them that is not linear itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import to_int

__all__ = ["ACTIVATIONS", "LinearStack", "linear_stacks"]

ACTIVATIONS = frozenset(
    "relu leaky_relu elu selu celu gelu silu mish softplus sigmoid tanh relu6 prelu hardswish hardsigmoid softsign "
    "logsigmoid hardtanh glu".split()
)
_AFFINE = frozenset({"batch_norm", "dropout", "identity", "contiguous", "to"})
SHORTEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class LinearStack:
    """Linear layers in the order in which the tensor passes them."""

    layers: tuple[Object, ...]


def linear_stacks(program: Program) -> Iterator[LinearStack]:
    """Chains of three or more linear layers that one layer could replace, in programs that use activations elsewhere."""
    linear = [n for n in nodes(program) if n.op == "linear" and isinstance(n.layer, Object)]
    if not any(_is_activated(program, n) for n in linear):
        return
    inner = {before.id for n in linear if (before := _linear_before(program, n)) is not None}
    for last in linear:
        if last.id not in inner:
            chain = _chain(program, last)
            # Without a bias it is a matrix that somebody asked for: an operator on the code, a projection.
            if all(layer.bound.get("bias") is not False for layer in chain):
                yield from _collapsing(chain)


def _is_activated(program: Program, node: Sym) -> bool:
    return any(user.op in ACTIVATIONS for user in consumers(program).get(node.id, []))


def _linear_before(program: Program, node: Sym) -> Sym | None:
    value: Value = source(node)
    while isinstance(value, Sym) and value.op in _AFFINE and _is_passed_on_only(program, value):
        value = source(value)
    found = isinstance(value, Sym) and value.op == "linear" and isinstance(value.layer, Object)
    return value if found and isinstance(value, Sym) and _is_passed_on_only(program, value) else None


def _is_passed_on_only(program: Program, value: Sym) -> bool:
    # What is also used elsewhere is a code, a skip connection or a head of its own.
    return len(consumers(program).get(value.id, [])) == 1


def _chain(program: Program, last: Sym) -> list[Object]:
    found: list[Object] = []
    node: Sym | None = last
    while node is not None and isinstance(node.layer, Object):
        found.append(node.layer)
        node = _linear_before(program, node)
    return found[::-1]


def _collapsing(chain: list[Object]) -> Iterator[LinearStack]:
    """The parts of a chain in which no layer is narrower than what it connects (a bottleneck would limit the rank)."""
    part: list[Object] = chain[:1]
    for before, after in itertools.pairwise(chain):
        if not _is_wide(before, after):
            if len(part) >= SHORTEST:
                yield LinearStack(tuple(part))
            part = []
        part.append(after)
    if len(part) >= SHORTEST and len({id(layer) for layer in part}) == len(part):
        yield LinearStack(tuple(part))


def _is_wide(before: Object, after: Object) -> bool:
    first, middle = to_int(before.bound.get("in_features")), to_int(before.bound.get("out_features"))
    last = to_int(after.bound.get("out_features"))
    return first is not None and middle is not None and last is not None and middle >= min(first, last)
