"""Data sets and loaders: what one item and one batch of them is."""

from __future__ import annotations

import ast

from aelint.semantics.domain import dims
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Bound, DictValue, Function, Instance, ListValue, Object, Sym, Value, elements
from aelint.semantics.interpreter import calls, transforms
from aelint.semantics.interpreter.datasets import PictureSize, argument, pictures_in
from aelint.semantics.interpreter.machine import Frame

__all__ = ["attribute", "element", "loader_argument", "random_split", "sample"]

_LOADER_PARAMETERS = [
    "dataset",
    "batch_size",
    "shuffle",
    "sampler",
    "batch_sampler",
    "num_workers",
    "collate_fn",
    "pin_memory",
    "drop_last",
    "timeout",
    "worker_init_fn",
]


def loader_argument(loader: Object, name: str, default: Value = None) -> Value:
    """A constructor argument of a `DataLoader`, positional or not."""
    position = _LOADER_PARAMETERS.index(name) if name in _LOADER_PARAMETERS else len(loader.args)
    return loader.args[position] if position < len(loader.args) else loader.kwargs.get(name, default)


def element(frame: Frame, value: Object, node: ast.AST) -> Value:
    """One item of an external iterable: a batch of a loader, a sample of a data set."""
    match value.class_name:
        case "DataLoader":
            one = sample(frame, loader_argument(value, "dataset"), node)
            return (
                batched(value, one, frame, node) if one is not None else Sym("element", (value,), {}, frame.site(node))
            )
        case _ if (one := sample(frame, value, node)) is not None:
            return one
        case _:
            return Sym("element", (value,), {}, frame.site(node))


def sample(frame: Frame, data: Value, node: ast.AST, index: Value = None) -> Value | None:
    """One sample of a data set, None if it is unknown."""
    if index is None:
        index = Sym("element", (), {}, frame.site(node), kind="size", tensor=False, name="index")
    match data:
        case Instance():
            getter = data.cls.find("__getitem__")
            if isinstance(getter, Function):
                return calls.call(frame, Bound(data, getter), (index,), {}, node)
            return sample(frame, data.base, node, index) if data.base is not None else None
        case Object(name="torch.utils.data.TensorDataset", args=args):
            return tuple(_row(frame, a, node) for a in args)
        case Object(name="torch.utils.data.Subset"):
            inner = data.args[0] if data.args else data.kwargs.get("dataset")
            return sample(frame, inner, node, index)
        case Object(name="torch.utils.data.ConcatDataset", args=(ListValue(items=[first, *_]) | (first, *_), *_)):
            return sample(frame, first, node, index)
        case Object() if (size := pictures_in(data)) is not None:
            return _labelled_picture(frame, data, size, node)
        case Sym(tensor=True):
            return _row(frame, data, node)
        case ListValue(items=items) if items:
            return items[0]
    return None


def _labelled_picture(frame: Frame, data: Object, size: PictureSize, node: ast.AST) -> Value:
    picture = Sym(
        "picture", (data,), {"size": size}, frame.site(node), range=Interval(0, 255), kind="object", tensor=False
    )
    label = Sym("label", (data,), {}, frame.site(node), kind="size", tensor=False, name="label")
    target = argument(data, "target_transform")
    return (
        transforms.transform(frame, argument(data, "transform"), picture, node),
        label if target is None else transforms.transform(frame, target, label, node),
    )


def attribute(frame: Frame, data: Object, name: str, node: ast.AST) -> Sym | None:
    """The raw pictures (`data`) of a torchvision data set, as bytes; None for any other attribute."""
    size = pictures_in(data)
    if name not in {"data", "train_data", "test_data"} or size is None or size.height is None or size.width is None:
        return None
    count = dims.atom(("samples", data.id), "samples", batch=True)
    shape = (count, size.height, size.width) if size.channels == 1 else None
    raw = Sym("pictures", (data,), {}, frame.site(node), shape, (), Interval(0, 255), "int")
    # Gray sets keep a tensor, coloured ones an array.
    raw.tensor = True if size.channels == 1 else None
    raw.name = name
    return raw


def random_split(frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`torch.utils.data.random_split`: one subset for each length, without overlap."""
    data = args[0] if args else kwargs.get("dataset")
    lengths = args[1] if len(args) > 1 else kwargs.get("lengths")
    items = elements(lengths)
    if items is None:
        return Sym("call", (*args, *kwargs.values()), {"callee": "random_split"}, frame.site(node))
    parts: list[Value] = []
    for number, _ in enumerate(items):
        indices = Sym("split_indices", (), {"part": number}, frame.site(node))
        parts.append(Object("torch.utils.data.Subset", (data, indices), site=frame.site(node)))
    return ListValue(parts, site=frame.site(node))


def _row(frame: Frame, value: Value, node: ast.AST) -> Value:
    if not isinstance(value, Sym):
        return value
    shape = value.shape[1:] if value.shape else None
    row = Sym("element", (value,), {}, frame.site(node), shape, (), value.range, value.kind, tensor=True)
    row.name = value.name
    return row


def batched(loader: Object, one: Value, frame: Frame, node: ast.AST) -> Value:
    """What the default collation makes of a sample: the same with a batch axis in front."""
    if loader_argument(loader, "collate_fn") is not None or loader_argument(loader, "batch_sampler") is not None:
        return Sym("element", (loader,), {}, frame.site(node))
    if loader_argument(loader, "batch_size", 1) is None:
        return one
    match one:
        case tuple():
            return ListValue([batched(loader, part, frame, node) for part in one], site=frame.site(node))
        case ListValue(complete=True, items=items) if items:
            return ListValue([batched(loader, part, frame, node) for part in items], site=frame.site(node))
        case DictValue(complete=True, items=items):
            return DictValue(
                {k: batched(loader, part, frame, node) for k, part in items.items()}, site=frame.site(node)
            )
        case Sym(op="label"):
            return _stacked(loader, one, (), "int", frame, node)
        case Sym(op="picture"):
            return Sym("element", (loader,), {}, frame.site(node))
        case Sym(tensor=False):
            return _stacked(loader, one, None, None, frame, node)
        case Sym():
            return _stacked(loader, one, one.shape, one.kind, frame, node)
        case int() | float():
            return Sym("batch", (), {"loader": loader}, frame.site(node), tensor=True)
        case _:
            return Sym("element", (loader,), {}, frame.site(node))


def _stacked(
    loader: Object, one: Sym, shape: tuple[dims.Dim, ...] | None, kind: str | None, frame: Frame, node: ast.AST
) -> Sym:
    batch = dims.atom(("batch", loader.id), "batch", batch=True)
    whole = (batch, *shape) if shape is not None else None
    stacked = Sym("batch", (one,), {"loader": loader}, frame.site(node), whole, one.last, one.range, kind, tensor=True)
    stacked.name = one.name
    return stacked
