"""Running one part of a program on its own: the module, or what nobody calls, entered with unknown arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from aelint.semantics.domain.trace import Context
from aelint.semantics.domain.values import Bound, Function, Instance, Sym, Value
from aelint.semantics.handed_results import handed_results
from aelint.semantics.interpreter import calls
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.machine import Frame, Machine, OutOfFuelError
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.interpreter.scopes import Module
from aelint.syntax.walk import own_nodes

__all__ = ["argument", "enter", "run_root"]


def run_root(machine: Machine, run: Callable[[], object], *, guess: bool = False) -> None:
    """Run a part with its own share of the fuel, from no context; where `guess`, contradictions in it say nothing."""
    machine.root_limit = min(machine.steps + machine.limits.steps_per_root, machine.limits.steps)
    machine.context = Context(speculative=guess)
    try:
        run()
    except OutOfFuelError:
        machine.stopped = True
        machine.trace.notes.append("stopped early: the program takes more steps than allowed")
    except RecursionError:
        machine.stopped = True
        machine.trace.notes.append("stopped early: nested too deeply")
    finally:
        machine.context = Context()
        machine.heap.abandon()


def enter(
    machine: Machine,
    module: Module,
    function: Function,
    instance: Instance | None,
    chosen: Mapping[str, Value] | None = None,
) -> None:
    """Call a function with unknown arguments; parameters with defaults keep these, unless other values are `chosen`."""
    frame = Frame(machine, module, module.scope)
    spec = function.node.args
    kwargs: dict[str, Value] = dict(chosen or {})
    is_forward = instance is not None and is_network(instance.cls)
    conflicts = len(machine.trace.conflicts)
    rest, handed = handed_results(machine, function, instance)
    assumed = bool(rest or handed)
    kwargs = {**handed, **kwargs}
    for arg in [*spec.posonlyargs, *spec.args][instance is not None :]:
        default = function.defaults.get(arg.arg, arg)
        if arg.arg not in kwargs and (default is arg or default is None):
            model = _only_model(machine, module, function, arg.arg) if instance is None else None
            assumed |= model is not None
            kwargs[arg.arg] = model or argument(frame, arg, optional=default is None, tensor=is_forward)
    for arg in spec.kwonlyargs:
        default = function.defaults.get(arg.arg, arg)
        if arg.arg not in kwargs and (default is arg or default is None):
            kwargs[arg.arg] = argument(frame, arg, optional=default is None, tensor=False)
    if instance is None:
        calls.call(frame, function, (), kwargs, function.node)
    else:
        receiver: Value = instance.cls if "classmethod" in function.decorators else instance
        calls.call(frame, Bound(receiver, function), rest, kwargs, function.node)
    if assumed:  # What does not fit speaks against the assumption: another network, or another pass, is meant.
        del machine.trace.conflicts[conflicts:]


_MODEL_NAMES = frozenset("model net network vae ae autoencoder auto_encoder module".split())


def _only_model(machine: Machine, module: Module, function: Function, name: str) -> Instance | None:
    """The network that a function nobody calls takes as its `model`: the one that its file defines, if it is one.

    A loss or a training function that is written beside a model is meant for it. Where several networks
    stand side by side, or the function does not call its argument, nothing is assumed.
    """
    own = [i for i in machine.instances if i.cls.module is module and is_network(i.cls)]
    if name.lower() not in _MODEL_NAMES and name.lower() not in {i.cls.name.lower() for i in own}:
        return None
    parts = {id(part) for i in own for _, part in submodules(i)[1:]}
    inherited = {id(c) for i in own for c in i.cls.mro()[1:]}
    outermost = {i.cls.name: i for i in own if id(i) not in parts and id(i.cls) not in inherited}
    built_inside = {i.cls.name for i in own if id(i) in parts}
    candidates = [i for n, i in outermost.items() if n not in built_inside]
    called = any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in own_nodes(function.node)
    )
    return candidates[0] if len(candidates) == 1 and called else None


_TENSOR_TYPES = ("Tensor", "FloatTensor", "torch.Tensor")
_SIZE_TYPES = {"int", "float"}


def argument(frame: Frame, arg: ast.arg, *, optional: bool, tensor: bool) -> Sym:
    """The unknown value of a parameter; its annotation, or the name of an input of a `forward`, says whether it is a tensor."""
    annotation = ast.unparse(arg.annotation) if arg.annotation is not None else ""
    value = Sym("param", (), {"name": arg.arg, "root": True}, frame.site(arg), name=arg.arg)
    if annotation in _TENSOR_TYPES or annotation.endswith(".Tensor"):
        value.tensor = True
    elif annotation in _SIZE_TYPES:
        value.kind, value.tensor = "size", False
    elif tensor and not annotation and not optional and arg.arg in {"x", "input", "inputs", "z", "images", "image"}:
        value.tensor = True
    return value
