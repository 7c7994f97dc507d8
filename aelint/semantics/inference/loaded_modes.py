"""Networks whose trained weights are loaded and that then run as they were built: in training mode."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object
from aelint.semantics.inference.modes import has_two_modes, is_generator, is_on_purpose, outermost
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import contains
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, once_per_node

__all__ = ["LoadedInTrain", "loaded_in_train"]

_TRAINS = frozenset({"backward", "manual_backward", "fit", "step", "zero_grad"})
_SWITCHES = frozenset({"eval", "train", "requires_grad_"})


@dataclass(frozen=True, slots=True, eq=False)
class LoadedInTrain:
    """The call that loads the weights, the one that runs the network, and the layer in it that has two modes."""

    load: Call
    run: Call
    layer: Object


def loaded_in_train(program: Program) -> Iterator[LoadedInTrain]:
    """The first run of each network in a program that only applies it: it trains nothing and never calls `eval`."""
    loads = [c for c in program.method_calls("load_state_dict") if is_module(c.receiver) and not c.context.speculative]
    if not loads or any(_is_trained_or_switched(unit.tree) for unit in program.files):
        return
    told: set[int] = set()
    for call in program.calls:
        layer = call.receiver
        if not isinstance(layer, Object) or not has_two_modes(layer):
            continue
        load = next(
            (c for c in loads if c.order < call.order and contains(c.receiver, layer) and _in_one_run(c, call)), None
        )
        if load is None or id(load.site.node) in told:
            continue
        networks = [c for c in program.calls_to("network", "sequential") if contains(load.receiver, c.receiver)]
        run = outermost(networks, call)
        if not is_on_purpose(run) and not is_generator(program, run.receiver):
            told.add(id(load.site.node))
            yield LoadedInTrain(load, run, layer)


@once_per_node
def _is_trained_or_switched(tree: ast.AST) -> bool:
    """Whether a file trains anything, or switches a mode of whatever it may be."""
    return any(last_name(call.func) in _TRAINS | _SWITCHES for call in every(ast.Call, tree))


def _in_one_run(load: Call, call: Call) -> bool:
    """Whether one run of the program does both: who calls a function that nobody calls here may set the mode."""
    return (load.context.is_run and call.context.is_run) or (
        bool(load.context.stack) and load.context.stack[:1] == call.context.stack[:1]
    )
