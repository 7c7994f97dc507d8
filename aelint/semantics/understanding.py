"""From one unit of source to a `Program`: run the file, then everything that running it did not reach."""

from __future__ import annotations

import ast
from functools import partial

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain import dims
from aelint.semantics.domain.values import ClassValue, Function, Instance
from aelint.semantics.interpreter import classes, statements
from aelint.semantics.interpreter.machine import Frame, Limits, Machine
from aelint.semantics.interpreter.project import NoProject, ProjectFiles
from aelint.semantics.interpreter.scopes import Module, Scope
from aelint.semantics.roots import enter, run_root
from aelint.semantics.untried import run_untried
from aelint.sources.unit import SourceUnit
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

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
    run_root(machine, lambda: statements.execute(Frame(machine, module, module.scope), tree.body))
    _run_unreached(machine, module)
    run_untried(machine, module)
    machine.finished = True
    program.notes = list(dict.fromkeys(machine.trace.notes))
    return program


def _run_unreached(machine: Machine, module: Module) -> None:
    """Enter every class and function of the file that nothing entered so far, with unknown arguments."""
    own_classes = [c for c in machine.classes if c.module is module]
    # A class that another one inherits from or builds is better seen there, with the sizes that it gets:
    # files define the parts before the whole.
    for cls in reversed(own_classes):
        if not any(i.cls is cls for i in machine.instances) and not _is_abstract(cls, own_classes):
            run_root(machine, partial(_build, machine, module, cls), guess=_is_configured(cls))
    for cls in reversed(own_classes):
        instance = next((i for i in machine.instances if i.cls is cls), None)
        if instance is not None:
            _run_methods(machine, module, instance)
    for function in [f for f in machine.functions if f.module is module and _stands_alone(f)]:
        if id(function.node) not in machine.executed:
            run_root(machine, partial(enter, machine, module, function, None), guess=_is_patched(function))


def _stands_alone(function: Function) -> bool:
    """Whether a function takes no instance. What autograd calls by itself is left to it."""
    first = function.node.args.args[0].arg if function.node.args.args else ""
    return function.owner is None or ("staticmethod" in function.decorators and first != "ctx")


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
        run_root(machine, partial(enter, machine, module, function, instance), guess=guess)
