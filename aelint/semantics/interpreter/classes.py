"""Define functions and classes; build instances."""

from __future__ import annotations

import ast

from aelint.semantics.domain.values import (
    MISSING,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Sym,
    Value,
)
from aelint.semantics.interpreter import calls, expressions, layers, loaders, statements
from aelint.semantics.interpreter.kinds import is_layer_class
from aelint.semantics.interpreter.machine import Frame, OutOfFuelError
from aelint.semantics.interpreter.scopes import Scope
from aelint.semantics.interpreter.wrappers import alters_arguments
from aelint.syntax.signatures import positional

__all__ = ["define_class", "define_function", "external_super", "instantiate", "symbolic_instance"]

_CLOSED_BASES = frozenset(
    {
        "torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module", "builtins.object",
        "torch.utils.data.Dataset", "torch.utils.data.IterableDataset", "abc.ABC",
        "torch.utils.data.dataset.Dataset", "typing.NamedTuple", "enum.Enum", "typing.Generic",
    }
)  # fmt: skip


def define_function(
    frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ClassValue | None = None
) -> Function:
    """A function where it is defined."""
    defaults = calls.defaults_of(frame, node, expressions.evaluate)
    names = tuple(_decorator(frame, d) for d in node.decorator_list)
    scope = frame.scope
    while scope.is_class and scope.parent is not None:
        scope = scope.parent
    function = Function(node.name, node, frame.module, scope, defaults, owner, names)
    frame.machine.functions.append(function)
    return function


def _decorator(frame: Frame, node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    match target:
        case ast.Name(id=name):
            value = frame.scope.lookup(name)
            return value.name if isinstance(value, External) else name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            value = frame.scope.lookup(owner)
            return f"{value.name}.{name}" if isinstance(value, External) else f"{owner}.{name}"
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


def define_class(frame: Frame, node: ast.ClassDef) -> ClassValue:
    """A class where it is defined: its body is run, its methods know their owner."""
    bases = tuple(expressions.evaluate(frame, b) for b in node.bases)
    keywords = {k.arg: expressions.evaluate(frame, k.value) for k in node.keywords if k.arg}
    decorators = tuple(_decorator(frame, d) for d in node.decorator_list)
    known = all(_known_base(b) for b in bases) and "metaclass" not in keywords
    cls = ClassValue(node.name, node, frame.module, bases, {}, decorators, keywords, known)
    scope = Scope(cls.namespace, frame.scope, is_class=True)
    inner = Frame(frame.machine, frame.module, scope, frame.function, frame.receiver)
    for statement in node.body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                function = define_function(inner, statement, cls)
                if any(d.endswith(".setter") for d in function.decorators):
                    cls.setters[statement.name] = function
                    continue
                function.altered = any(alters_arguments(inner.scope, d) for d in statement.decorator_list)
                scope.names[statement.name] = function
            case _:
                statements.execute(inner, [statement])
    cls.namespace = scope.names
    frame.machine.classes.append(cls)
    return cls


def _known_base(base: Value) -> bool:
    return isinstance(base, ClassValue) or (isinstance(base, External) and base.name in _CLOSED_BASES)


def instantiate(
    frame: Frame, cls: ClassValue, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """`cls(*args, **kwargs)`."""
    machine = frame.machine
    record = frame.called(node, cls.name, cls, args, kwargs)
    instance = Instance(cls, {}, frame.site(node))
    record.result = instance
    machine.instances.append(instance)
    initializer = cls.find("__init__")
    if isinstance(initializer, Function):
        instance.arguments = _arguments(initializer, args, kwargs)
        try:
            calls.call_function(frame, initializer, (instance, *args), kwargs, node)
        except (OutOfFuelError, RecursionError):
            instance.open = True  # the rest of the constructor was not seen
            raise
        return instance
    if cls.is_record:
        _set_fields(frame, instance, args, kwargs)
        post = cls.find("__post_init__")
        if isinstance(post, Function):
            calls.call_function(frame, post, (instance,), {}, node)
        return instance
    if any(b.rsplit(".", 1)[-1] in _MAPPINGS for b in cls.external_bases()):
        # Library outputs are dictionaries whose keys are attributes too.
        instance.attrs.update({k: v for k, v in kwargs.items() if k != "**"})
        instance.open = True
    _construct_base(frame, instance, args, kwargs, node)
    return instance


_MAPPINGS = frozenset({"dict", "OrderedDict", "UserDict", "ModelOutput", "BaseOutput", "SimpleNamespace"})


def _arguments(function: Function, args: tuple[Value, ...], kwargs: dict[str, Value]) -> dict[str, Value]:
    names = positional(function.node)[1:]
    return {**function.defaults, **dict(zip(names, args, strict=False)), **kwargs}


def _set_fields(frame: Frame, instance: Instance, args: tuple[Value, ...], kwargs: dict[str, Value]) -> None:
    names: dict[str, Value] = {}
    for cls in reversed(instance.cls.mro()):
        for statement in cls.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                names[statement.target.id] = cls.namespace.get(statement.target.id, MISSING)
    for name, default in names.items():
        value = _field_default(frame, default)
        instance.attrs[name] = Sym("param", (), {"name": name}, name=name) if value is MISSING else value
    instance.attrs.update(zip(names, args, strict=False))
    instance.attrs.update({k: v for k, v in kwargs.items() if k in names})
    instance.arguments = dict(instance.attrs)


def _field_default(frame: Frame, default: Value) -> Value:
    match default:
        case Sym(op="call", attrs={"callee": External(name=name), "kwargs": dict() as kwargs}) if name.endswith(
            "field"
        ):
            if "default" in kwargs:
                return kwargs["default"]
            factory = kwargs.get("default_factory", MISSING)
            return (
                calls.call(frame, factory, (), {}, default.site.node)
                if factory is not MISSING and default.site
                else MISSING
            )
        case ListValue():
            return ListValue(list(default.items), default.complete, default.site)
        case DictValue():
            return DictValue(dict(default.items), default.complete, default.site)
        case _:
            return default


def _construct_base(
    frame: Frame, instance: Instance, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> None:
    for base in instance.cls.external_bases():
        if base.startswith("torchvision.datasets.") or (is_layer_class(base) and base != "torch.nn.Module"):
            instance.base = layers.construct(frame, base, args, kwargs, node)
            return


def external_super(
    frame: Frame, parent: calls.Super, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """A method reached by `super()` that the project does not define."""
    instance = parent.instance
    if not isinstance(instance, Instance):
        return frame.unknown("call", *args, node=node)
    match name:
        case "__init__":
            frame.machine.heap.touch(instance)
            _construct_base(frame, instance, args, kwargs, node)
            return None
        case "forward" | "__call__" if instance.base is not None:
            return layers.call_object(frame, instance.base, args, kwargs, node)
        case "__getitem__" if instance.base is not None and args:
            found = loaders.sample(frame, instance.base, node, args[0])
            return found if found is not None else frame.unknown("call", instance, *args, node=node)
        case "__setattr__" if len(args) == 2 and isinstance(args[0], str):
            frame.machine.heap.touch(instance)
            instance.attrs[args[0]] = args[1]
            return None
        case _:
            return layers.module_method(frame, instance, name, args, kwargs, node)


def symbolic_instance(frame: Frame, cls: ClassValue, node: ast.AST) -> Instance:
    """An instance that nobody builds: its required arguments are unknown, the others have their defaults."""
    result = instantiate(frame, cls, (), {}, node)
    assert isinstance(result, Instance)
    result.symbolic = True
    return result
