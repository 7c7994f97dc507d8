"""Graphs whose edges are split for training and test, and an encoder that is shown all of them while it learns the training edges."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import DictValue, Function, Sym, Value, elements
from aelint.semantics.interpreter.kinds import is_network

__all__ = ["ShownEdges", "shown_edges"]

_TURNED = RESHAPES | {"flip"}
"""An edge and the same edge the other way round join the same nodes."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownEdges:
    """The argument that holds all edges, and the training part of them that the same function predicts."""

    site: Site
    encoded: str
    predicted: str


def shown_edges(program: Program) -> Iterator[ShownEdges]:
    """Calls of an encoder with all edges of a graph, in functions that go on to predict the training edges; each place once."""
    training = {part.id: whole for name, part, whole in _parts(program) if is_training_name(name)}
    held_out = {whole.id for name, _, whole in _parts(program) if is_held_out_name(name)}
    wholes = {whole.id for whole in training.values()} & held_out
    told: set[int] = set()
    for call in program.calls if wholes else ():
        for node, value in _encoded(call):
            whole = _all_of(value)
            if whole is None or whole.id not in wholes or id(node) in told:
                continue
            predicted = _predicted(program, call, {key for key, one in training.items() if one is whole})
            if predicted is not None:
                told.add(id(node))
                yield ShownEdges(Site(call.site.unit, node), ast.unparse(node), predicted)


@per_program
def _parts(program: Program) -> tuple[tuple[str, Sym, Sym], ...]:
    """Names of some columns of a list of edges, two rows of nodes, with the part and the whole."""
    named = [(binding.name, binding.value) for binding in program.bindings]
    filled = [b.value for b in program.bindings] + [r.value for r in program.returns]
    named += [(str(key), value) for one in filled if isinstance(one, DictValue) for key, value in one.items.items()]
    return tuple((name, *cut) for name, value in named if (cut := _columns(_all_of(value))) is not None)


def _columns(value: Value) -> tuple[Sym, Sym] | None:
    """A part of a list of edges, and the whole."""
    match value:
        case Sym(op="getitem", attrs={"input": Sym(shape=(2, _)) as edges, "index": (slice() as rows, _)}) as part:
            whole = through(edges, _TURNED)
            return (part, whole) if rows == slice(None) and isinstance(whole, Sym) else None
        case _:
            return None


def _encoded(call: Call) -> Iterator[tuple[ast.expr, Value]]:
    """What a call gives to a network to encode; drawing negative pairs needs all edges, and may have them."""
    own = isinstance(call.callee, Function) and call.callee.owner is not None and is_network(call.callee.owner)
    encodes = call.name == "network" or (own and call.name in _ENCODING)
    inside = any(a.function.owner is not None and a.function.name in _ENCODING for a in call.context.stack)
    return _given(call) if encodes and not inside else iter(())


_ENCODING = frozenset({"encode", "forward"})


def _given(call: Call) -> Iterator[tuple[ast.expr, Value]]:
    """The positional arguments of a call as they are written, with their values; of a method without the object."""
    written = call.site.node.args if isinstance(call.site.node, ast.Call) else []
    if len(call.args) - len(written) in {0, 1}:
        yield from zip(written, call.args[len(call.args) - len(written) :], strict=True)


def _all_of(value: Value) -> Sym | None:
    """The edges of which a value holds all, once or in both directions."""
    match value:
        case Sym(op="cat"):
            held = [through(one, _TURNED) for one in elements(value.attrs.get("tensors")) or ()]
            return held[0] if held and isinstance(held[0], Sym) and all(one is held[0] for one in held) else None
        case _:
            found = through(value, _TURNED)
            return found if isinstance(found, Sym) else None


def _predicted(program: Program, encoder: Call, parts: set[int]) -> str | None:
    """The argument of a later call, in the same function or in one that called it, that holds the training part."""
    around = encoder.context.stack[-2:]  # the function itself, or the one that calls it to embed the nodes
    for call in program.calls:
        within = call.context.stack[-1:]
        if call.order <= encoder.order or not (within == around[-1:] or set(within) & set(around)):
            continue
        for node, value in _given(call):
            whole = _all_of(value)
            if whole is not None and whole.id in parts:
                return ast.unparse(node)
    return None
