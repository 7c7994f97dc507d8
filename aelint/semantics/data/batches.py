"""Which loaders a program trains on, and what reaches the loss of a training step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Loop
from aelint.semantics.domain.values import DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.datasets import count_in
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.operators.api import to_int

__all__ = [
    "batched_loaders",
    "contributes",
    "is_held_out_name",
    "is_training_name",
    "keeps_order",
    "loaders",
    "looped_loaders",
    "samples_in",
    "training_loaders",
]

_NESTED = 3
"""How deep in an iterable a loader is looked for: `enumerate(zip(loader, ...))`."""
_HELD_OUT = ("val", "test", "eval", "dev_", "holdout", "held")


@per_program
def loaders(program: Program) -> list[Object]:
    """Every `DataLoader` that is built."""
    return [o for o in program.machine.objects if o.class_name == "DataLoader" and o.name.startswith("torch.")]


@per_program
def training_loaders(program: Program) -> list[tuple[Object, Call, Loop]]:
    """Each loader whose batches a loop goes through while it computes gradients, with the backward pass and the loop."""
    known = {id(o): o for o in loaders(program)}
    found: dict[int, tuple[Object, Call, Loop]] = {}
    for call in backward_passes(program):
        for loop in call.context.loops:
            for loader in batched_loaders(loop):
                if id(loader) in known:
                    found.setdefault(id(loader), (loader, call, loop))
        for one in ancestors(_loss(call)):
            origin = one.attrs.get("loader") if one.op == "batch" else None
            if isinstance(origin, Object) and id(origin) in known and call.context.loops:
                found.setdefault(id(origin), (origin, call, call.context.loops[-1]))
    return list(found.values())


def looped_loaders(loop: Loop) -> list[Object]:
    """The loaders that a loop runs over, itself, enumerated or zipped, or counting its batches."""
    return list(_loaders(loop.iterable, 0))


def batched_loaders(loop: Loop) -> list[Object]:
    """The loaders whose batches a loop names: not those that it only counts, `for i in range(len(loader))`."""
    counts = isinstance(loop.iterable, Sym) and loop.iterable.op == "range"
    return [] if counts else looped_loaders(loop)


def _loaders(value: Value, depth: int) -> Iterator[Object]:
    match value:
        case Object(name="torch.utils.data.DataLoader"):
            yield value
        case Sym(op="batch", attrs={"loader": Object() as loader}):
            yield loader
        case Sym(inputs=inputs) if depth < _NESTED:
            for one in inputs:
                yield from _loaders(one, depth + 1)
        case ListValue(items=items) | tuple(items) if depth < _NESTED:
            for one in items:
                yield from _loaders(one, depth + 1)
        case DictValue(items=entries) if depth < _NESTED:
            for one in entries.values():
                yield from _loaders(one, depth + 1)


def _loss(call: Call) -> Value:
    return call.receiver if isinstance(call.receiver, Sym) and not call.args else (call.args[0] if call.args else None)


def contributes(value: Value, call: Call) -> bool:
    """Whether a value takes part in the loss of a backward pass."""
    mine = {s.id for s in parts(value)}
    return any(one.id in mine for one in ancestors(_loss(call)))


def keeps_order(loader: Object) -> bool:
    """Whether the loader certainly gives the same batches in the same order each time."""
    if "**" in loader.kwargs:
        return False
    shuffle = loader_argument(loader, "shuffle", False)  # the default of torch
    samples = any(loader_argument(loader, name) is not None for name in ("sampler", "batch_sampler"))
    return (shuffle is False or shuffle is None) and not samples


def samples_in(loader: Object) -> int | None:
    """The number of samples behind a loader; None where it is not known."""
    match loader_argument(loader, "dataset"):
        case Object(name="torch.utils.data.TensorDataset", args=(Sym(shape=shape), *_)) | Sym(tensor=True, shape=shape):
            return to_int(shape[0]) if shape else None
        case Object() as data:
            return count_in(data)
        case Instance() as data:
            return _length(data)
        case _:
            return None


def _length(data: Instance) -> int | None:
    """What `__len__` of a data set returns, where that is the length of an attribute, or an attribute."""
    function = data.cls.find("__len__")
    body = getattr(function.node, "body", ()) if isinstance(function, Function) else ()
    match body[-1:]:
        case [ast.Return(value=ast.Attribute(value=ast.Name(id="self"), attr=name))]:
            return to_int(data.attrs.get(name))
        case [ast.Return(value=ast.Call() | ast.Subscript() as asked)]:
            name = _measured(asked)
        case _:
            return None
    held = data.attrs.get(name)
    if isinstance(held, ListValue):
        return len(held.items) if held.complete else None
    return to_int(held.shape[0]) if isinstance(held, Sym) and held.shape else None


def _measured(asked: ast.expr) -> str:
    """The attribute in `len(self.rows)`, `self.rows.shape[0]` and `self.rows.size(0)`."""
    match asked:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
            return name
        case (
            ast.Subscript(
                value=ast.Attribute(value=ast.Attribute(attr=name), attr="shape"), slice=ast.Constant(value=0)
            )
            | ast.Call(func=ast.Attribute(value=ast.Attribute(attr=name), attr="size"), args=[ast.Constant(value=0)])
        ):
            return name
        case _:
            return ""


@cache
def is_training_name(name: str) -> bool:
    """Whether a name says that it holds training data."""
    return "train" in name.lower()


@cache
def is_held_out_name(name: str) -> bool:
    """Whether a name says that it holds validation or test data."""
    lowered = name.lower().lstrip("_")
    words = lowered.split("_")
    return "train" not in lowered and any(w.startswith(_HELD_OUT) for w in words)
