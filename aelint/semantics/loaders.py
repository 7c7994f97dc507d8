"""Data sets and loaders: what one item and one batch of them is."""

from __future__ import annotations

import ast

from aelint.semantics import calls, dims
from aelint.semantics.machine import Frame
from aelint.semantics.values import Bound, Function, Instance, ListValue, Object, Sym, Value

__all__ = ["element", "sample"]


def element(frame: Frame, value: Object, node: ast.AST) -> Value:
    """One item of an external iterable: a batch of a loader, a sample of a data set."""
    match value.name.rsplit(".", 1)[-1]:
        case "DataLoader":
            data = value.args[0] if value.args else value.kwargs.get("dataset")
            one = sample(frame, data, node)
            return batched(value, one, frame, node) if one is not None else Sym("element", (value,), {}, frame.site(node))
        case _ if (one := sample(frame, value, node)) is not None:
            return one
        case _:
            return Sym("element", (value,), {}, frame.site(node))


def sample(frame: Frame, data: Value, node: ast.AST) -> Value | None:
    """One sample of a data set, None if it is unknown."""
    index = Sym("element", (), {}, frame.site(node), kind="size", tensor=False, name="index")
    match data:
        case Instance():
            getter = data.cls.find("__getitem__")
            if isinstance(getter, Function):
                return calls.call(frame, Bound(data, getter), (index,), {}, node)
        case Object(name="torch.utils.data.TensorDataset", args=args):
            return tuple(_row(frame, a, node) for a in args)
        case Object(name="torch.utils.data.Subset" | "torch.utils.data.ConcatDataset", args=(inner, *_)):
            return sample(frame, inner, node)
        case Sym(tensor=True):
            return _row(frame, data, node)
        case ListValue(items=items) if items:
            return items[0]
    return None


def _row(frame: Frame, value: Value, node: ast.AST) -> Value:
    if not isinstance(value, Sym):
        return value
    shape = value.shape[1:] if value.shape else None
    row = Sym("element", (value,), {}, frame.site(node), shape, (), value.range, value.kind, tensor=True)
    row.name = value.name
    return row


def batched(loader: Object, one: Value, frame: Frame, node: ast.AST) -> Value:
    """What the default collation makes of a sample: the same with a batch axis in front."""
    if loader.kwargs.get("collate_fn") is not None:
        return Sym("element", (loader,), {}, frame.site(node))
    match one:
        case tuple():
            return ListValue([batched(loader, part, frame, node) for part in one], site=frame.site(node))
        case Sym():
            batch = dims.atom(("batch", loader.id), "batch", batch=True)
            shape = (batch, *one.shape) if one.shape is not None else None
            stacked = Sym("batch", (one,), {"loader": loader}, frame.site(node), shape, one.last, one.range, one.kind)
            stacked.tensor = True
            return stacked
        case int() | float():
            return Sym("batch", (), {"loader": loader}, frame.site(node), tensor=True)
        case _:
            return Sym("element", (loader,), {}, frame.site(node))
