"""From one unit of source to a `Program`: run the file, then everything that running it did not reach."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.trace import Context
from aelint.semantics.domain.values import Bound, ClassValue, Function, Instance, Sym, Value
from aelint.semantics.interpreter import calls, classes, statements
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.machine import Frame, Limits, Machine, OutOfFuelError
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.interpreter.project import NoProject, ProjectFiles
from aelint.semantics.interpreter.scopes import Module, Scope
from aelint.sources.unit import SourceUnit
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, own_nodes

__all__ = ["understand"]


def understand(unit: SourceUnit, project: ProjectFiles | None = None, limits: Limits | None = None) -> Program:
    """Interpret a unit and what it imports from its project.

    Raises:
        SyntaxError: if the unit is no Python that this interpreter can read.
    """
    dims.forget()
    machine = Machine(project or NoProject(), limits or Limits.for_lines(len(unit.lines)))
    tree = unit.tree
    module = Module(unit, tree, Scope({"__name__": "__main__", "__file__": unit.path}))
    machine.modules[unit.path] = module
    program = Program(unit, tree, machine, module)
    _root(machine, lambda: statements.execute(Frame(machine, module, module.scope), tree.body))
    _run_unreached(machine, module)
    machine.finished = True
    program.notes = list(dict.fromkeys(machine.trace.notes))
    return program


def _root(machine: Machine, run: Callable[[], object], *, guess: bool = False) -> None:
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


def _run_unreached(machine: Machine, module: Module) -> None:
    """Enter every class and function of the file that nothing entered so far, with unknown arguments."""
    own_classes = [c for c in machine.classes if c.module is module]
    # A class that another one inherits from or builds is better seen there, with the sizes that it gets:
    # files define the parts before the whole.
    for cls in reversed(own_classes):
        if not any(i.cls is cls for i in machine.instances) and not _is_abstract(cls, own_classes):
            _root(machine, partial(_build, machine, module, cls), guess=_is_configured(cls))
    for cls in reversed(own_classes):
        instance = next((i for i in machine.instances if i.cls is cls), None)
        if instance is not None:
            _run_methods(machine, module, instance)
    for function in [f for f in machine.functions if f.module is module and f.owner is None]:
        if id(function.node) not in machine.executed:
            _root(machine, partial(_enter, machine, module, function, None), guess=_is_patched(function))


def _is_abstract(cls: ClassValue, others: list[ClassValue]) -> bool:
    return any(cls in other.mro()[1:] for other in others) and any(
        "abstractmethod" in d for f in cls.namespace.values() if isinstance(f, Function) for d in f.decorators
    )


def _is_configured(cls: ClassValue) -> bool:
    """Whether a decorator hands the constructor its arguments: the defaults need not go together."""
    initializer = cls.find("__init__")
    return isinstance(initializer, Function) and bool(initializer.decorators)


def _is_patched(function: Function) -> bool:
    """Whether a test runs it with stand-ins in the place of what is named, `@patch("torch.nn.Linear")`."""
    named = (d.func if isinstance(d, ast.Call) else d for d in getattr(function.node, "decorator_list", ()))
    return any(last_name(part) == "patch" for name in named for part in every(ast.expr, name))


def _build(machine: Machine, module: Module, cls: ClassValue) -> None:
    classes.symbolic_instance(Frame(machine, module, module.scope), cls, cls.node)


_FIRST = ("forward", "training_step", "encode", "decode")


def _run_methods(machine: Machine, module: Module, instance: Instance) -> None:
    methods: dict[str, Function] = {}
    for cls in reversed(instance.cls.mro()):
        methods.update({n: f for n, f in cls.namespace.items() if isinstance(f, Function)})
    ordered = sorted(methods, key=lambda n: _FIRST.index(n) if n in _FIRST else len(_FIRST))
    for name in ordered:
        function = methods[name]
        if id(function.node) in machine.executed or name == "__init__" or "staticmethod" in function.decorators:
            continue
        if function.module is not module and name not in _FIRST:
            # What is inherited from another file is looked at when that file is the entry.
            continue
        guess = _is_patched(function) or (instance.symbolic and _is_configured(instance.cls))
        _root(machine, partial(_enter, machine, module, function, instance), guess=guess)


def _enter(machine: Machine, module: Module, function: Function, instance: Instance | None) -> None:
    frame = Frame(machine, module, module.scope)
    spec = function.node.args
    names = [*spec.posonlyargs, *spec.args]
    kwargs: dict[str, Value] = {}
    is_forward = instance is not None and is_network(instance.cls)
    assumed, conflicts = False, len(machine.trace.conflicts)
    for position, arg in enumerate(names):
        if position == 0 and instance is not None:
            continue
        default = function.defaults.get(arg.arg, arg)
        if default is arg or default is None:
            model = _only_model(machine, module, function, arg.arg) if instance is None else None
            assumed |= model is not None
            kwargs[arg.arg] = model or _argument(frame, arg, optional=default is None, tensor=is_forward)
    for arg in spec.kwonlyargs:
        default = function.defaults.get(arg.arg, arg)
        if default is arg or default is None:
            kwargs[arg.arg] = _argument(frame, arg, optional=default is None, tensor=False)
    if instance is None:
        calls.call(frame, function, (), kwargs, function.node)
        if assumed:  # What does not fit speaks against the assumption: another network is meant.
            del machine.trace.conflicts[conflicts:]
    else:
        receiver: Value = instance.cls if "classmethod" in function.decorators else instance
        calls.call(frame, Bound(receiver, function), (), kwargs, function.node)


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


def _argument(frame: Frame, arg: ast.arg, *, optional: bool, tensor: bool) -> Sym:
    annotation = ast.unparse(arg.annotation) if arg.annotation is not None else ""
    value = Sym("param", (), {"name": arg.arg, "root": True}, frame.site(arg), name=arg.arg)
    if annotation in _TENSOR_TYPES or annotation.endswith(".Tensor"):
        value.tensor = True
    elif annotation in _SIZE_TYPES:
        value.kind, value.tensor = "size", False
    elif tensor and not annotation and not optional and arg.arg in {"x", "input", "inputs", "z", "images", "image"}:
        value.tensor = True
    return value
