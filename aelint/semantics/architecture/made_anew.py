"""Layers with random weights that a method of a network makes, runs and forgets: each call has others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Activation, Call
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import submodules
from aelint.syntax.names import uses
from aelint.syntax.walk import every, walk

__all__ = ["MadeAnew", "made_anew"]

_DRAWN = ("Linear", "Bilinear", "Conv", "Embedding", "LSTM", "GRU", "RNN", "MultiheadAttention", "Transformer")
"""Layers that start with random weights; what a norm starts with is the same each time."""
_FILLED = frozenset({"zeros", "ones", "rand", "randn", "empty", "full"})
_MOVES = frozenset({"to", "cuda", "cpu", "float", "double", "half", "type"})


@dataclass(frozen=True, slots=True, eq=False)
class MadeAnew:
    """Where a method makes a layer, or a container of layers, and where it runs it."""

    site: Site
    run: Site
    method: str
    layers: int


def made_anew(program: Program) -> Iterator[MadeAnew]:
    """Layers that live no longer than one call of the method that makes them: nothing trains or saves their weights."""
    born: dict[int, Call] = {}
    for call in program.calls:
        if isinstance(call.result, Object) and is_module(call.result):
            born.setdefault(id(call.result), call)  # `layer.cuda()` gives the same layer again
    found: list[tuple[Object, Call, int]] = []
    for run in program.calls:
        made = born.get(id(run.receiver))
        activation = _inside(made, run) if made is not None else None
        if made is None or activation is None or not isinstance(run.receiver, Object) or not _is_data(run):
            continue
        drawn = [one for _, one in submodules(run.receiver) if isinstance(one, Object) and _is_drawn(one)]
        own = [one for one in drawn if id(one) in born and activation in born[id(one)].context.stack]
        if own and _is_forgotten(activation, made):
            found.append((run.receiver, run, len(own)))
    inner = {id(part) for whole, _, _ in found for _, part in submodules(whole) if part is not whole}
    for layer, run, count in found:
        if id(layer) not in inner:
            made = born[id(layer)]
            yield MadeAnew(made.site, run.site, made.context.stack[-1].function.name, count)


def _is_drawn(layer: Object) -> bool:
    return layer.name.startswith("torch.nn.") and layer.class_name.startswith(_DRAWN)


def _is_data(run: Call) -> bool:
    """Whether a layer is run on more than numbers that were filled in to learn the size of its output."""
    given = run.args[0] if run.args else None
    while isinstance(given, Sym) and given.op not in _FILLED and isinstance(source(given), Sym):
        given = source(given)
    return isinstance(given, Sym) and given.op not in _FILLED and not run.context.no_grad


def _inside(made: Call, run: Call) -> Activation | None:
    """The call of a function that made a layer, if it runs the layer, too, and a network called it that is built already."""
    stack = made.context.stack
    if not any(is_module(a.receiver) for a in stack) or any(a.function.name == "__init__" for a in stack):
        return None
    return stack[-1] if any(a is stack[-1] for a in run.context.stack) else None


def _is_forgotten(activation: Activation, made: Call) -> bool:
    """Whether the function only ever calls the layer: it neither stores nor returns it, nor sets its weights."""
    function = activation.function.node
    layer: ast.AST = made.site.node
    nodes = walk(function)
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=move)) if value is layer and move in _MOVES:
                layer = node
            case _:
                pass
    called = {id(n.func) for n in every(ast.Call, function)}
    if id(layer) in called:
        return True
    names = [n.targets for n in every(ast.Assign, function) if n.value is layer]
    match names:
        case [[ast.Name(id=name)]]:
            moved = {id(a.value) for a in every(ast.Attribute, function) if a.attr in _MOVES}
            read = [n for n in uses(function, name) if isinstance(n.ctx, ast.Load)]
            return all(id(n) in called | moved for n in read)
        case _:
            return False
