"""Calls of what lies outside of the project: Python's builtins, torch's functions, constructors, everything unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeAlias

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import (
    MISSING,
    DictValue,
    External,
    Instance,
    ListValue,
    Object,
    Partial,
    Sym,
    Value,
)
from aelint.semantics.interpreter import configs, layers, loaders, numpy_arrays, python_builtins, texts
from aelint.semantics.interpreter.apply import apply_operation
from aelint.semantics.interpreter.kinds import is_layer_class
from aelint.semantics.interpreter.legacy_variables import variable
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.interpreter.plain_numbers import gives_number
from aelint.semantics.operators import REGISTRY, Operation

__all__ = ["call_external", "canonical_name", "permutation"]

_ALIASES = {
    "torch.nn.modules.": "torch.nn.",
    "torch.functional.": "torch.",
    "torch.special.expit": "torch.sigmoid",
}
_CONSTRUCTED = (
    "torch.optim.",
    "torch.utils.data.",
    "torch.distributions.",
    "torchvision.transforms.",
    "torchvision.datasets.",
    "sklearn.preprocessing.",
)
_IDENTITIES = frozenset(
    {
        "torch.compile", "torch.jit.script", "torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.utils.spectral_norm", "torch.nn.utils.weight_norm", "torch.nn.utils.parametrizations.weight_norm",
        "torch.nn.utils.parametrizations.spectral_norm", "copy.copy", "typing.cast",
        "tqdm.tqdm", "tqdm.auto.tqdm", "tqdm.notebook.tqdm", "tqdm.std.tqdm", "tqdm.asyncio.tqdm", "rich.progress.track",
    }
)  # fmt: skip


def canonical_name(name: str) -> str:
    """One name for the several paths under which torch exports the same thing."""
    for old, new in _ALIASES.items():
        if name.startswith(old):
            rest = name[len(old) :]
            return new + (rest.rsplit(".", 1)[-1] if old == "torch.nn.modules." else rest)
    return name


def call_external(
    frame: Frame, callee: External, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """The result of calling an external function or class."""
    name = canonical_name(callee.name)
    if name.startswith("builtins."):
        return python_builtins.call_builtin(frame, name[9:], args, kwargs, node)
    special = _SPECIAL.get(name)
    if special is not None:
        record = frame.called(node, name, callee, args, kwargs)
        record.result = special(frame, args, kwargs, node)
        return record.result
    if is_layer_class(name) or (name.startswith(_CONSTRUCTED) and name.rsplit(".", 1)[-1][:1].isupper()):
        return layers.construct(frame, name, args, kwargs, node, callee=callee)
    operation = REGISTRY.functions.get(name) or _numpy(name)
    if operation is not None:
        record = frame.called(node, operation.name, callee, args, kwargs)
        record.result, record.bound = apply_operation(frame, operation, args, kwargs, node)
        return record.result
    if name in _IDENTITIES and args:
        return args[-1] if name == "typing.cast" else args[0]
    record = frame.called(node, name, callee, args, kwargs)
    if (
        name.startswith("torch.nn.init.")
        and not name.startswith("torch.nn.init._")
        and args
        and isinstance(args[0], Sym)
    ):
        # Initialisers fill their tensor and return it; what they share among themselves counts its sizes.
        record.result = args[0]
        return record.result
    shuffled = permutation(frame, args, node) if name == "numpy.random.permutation" else MISSING
    if shuffled is not MISSING:
        record.result = shuffled
        return shuffled
    attrs = {"callee": callee, "args": args, "kwargs": kwargs}
    shape = numpy_arrays.drawn_shape(name, args, kwargs)
    tensor = False if gives_number(name, args) else None
    record.result = Sym("call", (*args, *kwargs.values()), attrs, frame.site(node), shape, tensor=tensor)
    return record.result


_NUMPY_AS_TORCH = frozenset(
    "exp log log1p sqrt abs tanh clip sum mean std var concatenate stack zeros ones zeros_like ones_like "
    "maximum minimum where matmul transpose square power".split()
)
_NUMPY_NAMES = {"concatenate": "cat", "clip": "clamp", "power": "pow"}


def _numpy(name: str) -> Operation | None:
    head, _, tail = name.rpartition(".")
    if head == "numpy" and tail in _NUMPY_AS_TORCH:
        return REGISTRY.functions.get(f"torch.{_NUMPY_NAMES.get(tail, tail)}")
    return None


Special: TypeAlias = Callable[[Frame, tuple[Value, ...], dict[str, Value], ast.AST], Value]


def _partial(_frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], _node: ast.AST) -> Value:
    return Partial(args[0], args[1:], kwargs) if args else None


def _namespace(frame: Frame, _args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    found = Sym("namespace", (), {f".{k}": v for k, v in kwargs.items()}, frame.site(node), kind="object", tensor=False)
    for name, value in kwargs.items():
        found.attrs[f".{name}"] = value
    return found


def _ordered_dict(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    return python_builtins.call_builtin(frame, "dict", args, kwargs, node)


def _deque(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    found = python_builtins.call_builtin(frame, "list", args[:1], {}, node)
    if isinstance(found, ListValue) and (args[1:] or kwargs.get("maxlen") is not None):
        found.complete = False  # a full one drops an item for each that comes
    return found


def _size(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    return python_builtins.call_builtin(frame, "tuple", args, kwargs, node)


def _deepcopy(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    return _duplicate(frame, args[0], node, {}) if args else None


def _duplicate(frame: Frame, value: Value, node: ast.AST, memo: dict[int, Value]) -> Value:
    """A copy that shares neither layers nor tensors with the original; `memo` keeps shared parts shared."""
    if id(value) in memo:
        return memo[id(value)]
    site = frame.site(node) if not memo else getattr(value, "site", None)
    match value:
        case Object():
            fresh = memo[id(value)] = Object(value.name, value.args, value.kwargs, dict(value.bound), site)
            # The layer's weights are made anew when somebody asks for them.
            fresh.attrs = {k: v for k, v in value.attrs.items() if not (isinstance(v, Sym) and v.op == "parameter")}
            children = value.children
            fresh.children = (
                None if children is None else {k: _duplicate(frame, v, node, memo) for k, v in children.items()}
            )
            fresh.complete = value.complete
            frame.machine.objects.append(fresh)
        case Instance():
            clone = memo[id(value)] = Instance(value.cls, {}, site, None, value.arguments)
            clone.open, clone.symbolic = value.open, value.symbolic
            clone.base = _duplicate(frame, value.base, node, memo) if value.base is not None else None
            clone.attrs = {k: _duplicate_attribute(frame, v, node, memo) for k, v in value.attrs.items()}
            frame.machine.instances.append(clone)
        case ListValue():
            items = memo[id(value)] = ListValue([], value.complete, site, value.kind)
            items.items = [_duplicate(frame, v, node, memo) for v in value.items]
        case DictValue():
            entries = memo[id(value)] = DictValue({}, value.complete, site)
            entries.items = {k: _duplicate(frame, v, node, memo) for k, v in value.items.items()}
        case Sym():
            memo[id(value)] = Sym("clone", (value,), {}, site, value.shape, value.last, value.range)
        case _:
            return value
    return memo[id(value)]


def _duplicate_attribute(frame: Frame, value: Value, node: ast.AST, memo: dict[int, Value]) -> Value:
    match value:
        case Sym(op="parameter"):
            attrs = dict(value.attrs)
            memo[id(value)] = Sym(
                "parameter", value.inputs, attrs, value.site, value.shape, value.last, kind="float", tensor=True
            )
            return memo[id(value)]
        case Sym(op="phi", inputs=parts) if any(isinstance(p, (Instance, Object)) for p in parts):
            # A part that settings choose between: each candidate is copied.
            chosen = tuple(_duplicate_attribute(frame, p, node, memo) for p in parts)
            memo[id(value)] = Sym("phi", chosen, dict(value.attrs), value.site, name=value.name)
            return memo[id(value)]
        case Sym():
            return value  # a size or an option stays the same value
        case _:
            return _duplicate(frame, value, node, memo)


def _prod(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    from aelint.semantics.interpreter import arithmetic  # noqa: PLC0415  # only this one fold needs it here

    match args:
        case (tuple() as items,) | (ListValue(items=items, complete=True),):
            total: Value = 1
            for item in items:
                total = arithmetic.binary(frame, "Mult", total, item, node)
            return total
        case _:
            return Sym("prod", args, {}, frame.site(node), kind="size", tensor=None)


def _floor(frame: Frame, args: tuple[Value, ...], _kwargs: dict[str, Value], node: ast.AST) -> Value:
    return python_builtins.call_builtin(frame, "int", args, {}, node)


def permutation(frame: Frame, args: tuple[Value, ...], node: ast.AST) -> Value:
    """What numpy makes of a number: the numbers below it in any order; `MISSING` for an array, whose rows it shuffles."""
    if len(args) == 1 and isinstance(args[0], (int, Poly)):
        return apply_operation(frame, REGISTRY.functions["torch.randperm"], args, {}, node)[0]
    return MISSING


def _parameter(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    data = args[0] if args else kwargs.get("data")
    attrs = {"data": data, "requires_grad": kwargs.get("requires_grad", args[1] if len(args) > 1 else True)}
    result = Sym("parameter", (data,) if data is not None else (), attrs, frame.site(node), kind="float", tensor=True)
    if isinstance(data, Sym):
        result.shape, result.last = data.shape, data.last
    return result


def _math(frame: Frame, name: str, args: tuple[Value, ...], node: ast.AST) -> Value:
    import math  # noqa: PLC0415  # evaluated on constants only

    if args and all(isinstance(a, (int, float)) for a in args):
        try:
            return getattr(math, name)(*args)
        except (ValueError, OverflowError, TypeError):
            pass
    return Sym(name, args, {}, frame.site(node), kind="size", tensor=False)


def _math_special(name: str) -> Special:
    return lambda frame, args, _kwargs, node: _math(frame, name, args, node)


_MATH = (
    "log log2 log10 log1p exp expm1 sqrt ceil floor trunc pow sin cos tan asin acos atan atan2 sinh cosh tanh erf hypot "
    "fabs fmod degrees radians gcd isqrt comb factorial copysign lgamma gamma"
).split()
_SPECIAL: dict[str, Special] = {
    "argparse.ArgumentParser": lambda frame, _args, _kwargs, node: configs.new_parser(frame, node),
    "functools.partial": _partial,
    "types.SimpleNamespace": _namespace,
    "argparse.Namespace": _namespace,
    "collections.OrderedDict": _ordered_dict,
    "collections.deque": _deque,
    "copy.deepcopy": _deepcopy,
    "torch.utils.data.random_split": loaders.random_split,
    "torch.utils.data.dataset.random_split": loaders.random_split,
    "json.loads": texts.load_json,
    "yaml.safe_load": texts.load_yaml,
    "yaml.load": texts.load_yaml,
    "math.prod": _prod,
    "numpy.prod": _prod,
    "torch.Size": _size,
    "torch.autograd.Variable": variable,
    "torch.autograd.variable.Variable": variable,
    "torch.nn.Parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    **{f"math.{n}": _math_special(n) for n in _MATH},
    "math.floor": _floor,
}
