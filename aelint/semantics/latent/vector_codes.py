"""The code of an autoencoder, found by dataflow: the narrow tensor that all of a reconstruction passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.lineage import RESHAPES, through, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.formulas.algebra import algebra_of
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.operators.api import to_int

__all__ = ["VectorCode", "vector_codes"]

_SAME_FEATURES = frozenset({"dropout", "batch_norm", "layer_norm", *RESHAPES})
_ACTIVATIONS = frozenset(
    {
        "relu",
        "relu6",
        "sigmoid",
        "tanh",
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "mish",
        "softmax",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class VectorCode:
    """A vector code: `narrowing` gives it, `widening` takes it, and the input is rebuilt from nothing else.

    `units` is its size; `activation` the last operation on it ("" if it is linear).
    """

    code: Sym
    units: int
    narrowing: Object
    widening: Object
    activation: Sym | None
    source: Sym
    reconstruction: Sym


@per_program
def vector_codes(program: Program) -> tuple[VectorCode, ...]:
    """Every vector code of the program, each layer once."""
    found: dict[int, VectorCode] = {}
    for node in graph.nodes_of(program, "linear"):
        if isinstance(node.layer, Object):
            for one in _before(program, node, node.layer):
                found.setdefault(one.narrowing.id, one)
    return tuple(found.values())


def _before(program: Program, node: Sym, widening: Object) -> Iterator[VectorCode]:
    units, width = to_int(widening.bound.get("in_features")), to_int(widening.bound.get("out_features"))
    code = node.attrs.get("input")
    if units is None or width is None or not isinstance(code, Sym) or width <= units:
        return
    made, activation = _made_by(code)
    if made is None or not isinstance(made.layer, Object):
        return
    given, wide = to_int(made.layer.bound.get("out_features")), to_int(made.layer.bound.get("in_features"))
    if given != units or wide is None or wide <= units:
        return
    for source, result in _reconstructions(program):
        if _only_through(result, made, source):
            yield VectorCode(code, units, made.layer, widening, activation, source, result)
            return


def _made_by(code: Sym) -> tuple[Sym | None, Sym | None]:
    """The linear layer whose output the code is, and the activation in between."""
    activation: Sym | None = None
    value: Value = code
    for _ in range(8):
        if not isinstance(value, Sym):
            break
        if value.op == "linear":
            return value, activation
        if value.op in _ACTIVATIONS and activation is None:
            activation = value
        elif value.op not in _SAME_FEATURES:
            break
        value = value.attrs.get("input")
    return None, None


@per_program
def _reconstructions(program: Program) -> tuple[tuple[Sym, Sym], ...]:
    return tuple(_rebuilt(program))


def _rebuilt(program: Program) -> Iterator[tuple[Sym, Sym]]:
    """Pairs of an input and what is to equal it: compared by a loss, or of equal shape in and out of a network."""
    algebra = algebra_of(program)
    for call in program.calls_to(*LOSSES):
        first, second = call.bound.get("input"), call.bound.get("target")
        if isinstance(first, Sym) and isinstance(second, Sym):
            yield through_reshapes(algebra.leaf(second)), first
            yield through_reshapes(algebra.leaf(first)), second
    for call in (c for c in program.calls if c.name in {"network", "forward"}):
        sources = [a for a in (*call.args, *call.kwargs.values()) if isinstance(a, Sym) and a.tensor is not False]
        for result in graph.parts(call.result):
            if sources and _same_size(sources[0], result):
                yield through_reshapes(sources[0]), result


def _same_size(source: Sym, result: Sym) -> bool:
    if source.shape is not None and result.shape is not None:
        return source.shape == result.shape
    # Without the input's shape: what the first layer takes is what the last one gives.
    last = through(result, _ACTIVATIONS | _SAME_FEATURES)
    wide = _size(last.layer, "out") if isinstance(last, Sym) and isinstance(last.layer, Object) else None
    return wide is not None and _first_size(source, result) == wide


def _size(layer: Object, side: str) -> int | None:
    """What a linear layer or a convolution takes (`side` is "in") or gives ("out"): features or channels."""
    return to_int(layer.bound.get(f"{side}_features", layer.bound.get(f"{side}_channels")))


def _first_size(source: Sym, result: Sym) -> int | None:
    seen: set[int] = set()
    pending = [result]
    while pending:
        node = pending.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        argument = node.attrs.get("input")
        if (
            isinstance(argument, Sym)
            and through_reshapes(argument) is through_reshapes(source)
            and isinstance(node.layer, Object)
        ):
            return _size(node.layer, "in")
        pending.extend(s for i in node.inputs for s in graph.parts(i))
    return None


def _only_through(result: Sym, made: Sym, source: Sym) -> bool:
    """Whether every path from the source to the result passes the tensor `made`, and there is one."""
    return _reaches(made, source, None) and _reaches(result, made, None) and not _reaches(result, source, made)


def _reaches(start: Sym, goal: Sym, wall: Sym | None) -> bool:
    seen: set[int] = set()
    pending = [start]
    while pending:
        node = pending.pop()
        if node is goal or through_reshapes(node) is goal:
            return True
        if node is wall or node.id in seen:
            continue
        seen.add(node.id)
        pending.extend(s for i in node.inputs for s in graph.parts(i))
    return False
