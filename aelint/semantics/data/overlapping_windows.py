"""Windows that were cut from one series with an overlap, and are split at random afterwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.operators.api import to_number
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["OverlappingWindows", "overlapping_windows"]

_RANDOM_SPLITS = ("torch.utils.data.random_split", "sklearn.model_selection.train_test_split")
_KEPT = RESHAPES | {"tensor", "stack", "copy", "cat"}
_ARRAYS = frozenset({"numpy.array", "numpy.asarray", "numpy.stack", "numpy.vstack"})


@dataclass(frozen=True, slots=True, eq=False)
class OverlappingWindows:
    """A random split, and where the windows that it deals out are cut: `size` long, a new one every `step`."""

    split: Site
    cut: Site
    size: int
    step: int


def overlapping_windows(program: Program) -> Iterator[OverlappingWindows]:
    """Random splits of windows that share samples of a series with their neighbours."""
    for call in program.calls_to(*_RANDOM_SPLITS):
        given = call.args if _is_random(call) else ()
        windows = next((found for value in given if (found := _windows(value)) is not None), None)
        if windows is not None:
            yield OverlappingWindows(call.site, *windows)


def _is_random(call: Call) -> bool:
    return call.kwargs.get("shuffle") is not False


def _windows(value: Value) -> tuple[Site, int, int] | None:
    """Where overlapping windows of known size and step were cut that the value holds."""
    match value:
        case Object(name="torch.utils.data.TensorDataset", args=(first, *_)):
            return _windows(first)
        case Instance():
            return _read_at_an_index(value)
        case ListValue(items=[Sym() as only]):
            return _windows(only)
        case Sym(op="unfold", attrs={"size": int() as size, "step": int() as step}, site=Site() as site):
            return (site, size, step) if step < size else None
        case Sym(op="call", attrs={"callee": External(name=name), "args": (first, *_)}) if name in _ARRAYS:
            return _windows(first)
        case Sym(op="getitem", attrs={"index": slice() as index}, site=Site() as site):
            return _sliced(index, site)
        case Sym(op=op) if op in _KEPT:
            inner = value.attrs.get("tensors", value.attrs.get("data", value.attrs.get("input")))
            return _windows(inner)
        case _:
            return None


def _sliced(index: slice, site: Site) -> tuple[Site, int, int] | None:
    """`x[i : i + size]` for every `i` of a range with a smaller step."""
    match index.start, index.stop:
        case Sym(op="element", inputs=(Sym(op="range", inputs=bounds),)) as start, Sym(op="add", inputs=inputs) if (
            start in inputs
        ):
            size = next((n for i in inputs if (n := to_number(i)) is not None), None)
            step = to_number(bounds[2]) if len(bounds) > 2 else 1
            return (site, int(size), int(step)) if size is not None and step is not None and step < size else None
        case _:
            return None


def _read_at_an_index(data: Instance) -> tuple[Site, int, int] | None:
    """A data set whose `__getitem__(i)` gives `self.series[i : i + self.size]`, for every `i`."""
    method = data.cls.find("__getitem__")
    if not isinstance(method, Function):
        return None
    names = positional(method.node)
    for cut in every(ast.Slice, method.node):
        match cut:
            case ast.Slice(
                lower=ast.Name(id=lower), upper=ast.BinOp(left=ast.Name(id=again), op=ast.Add(), right=width), step=None
            ) if lower == again and lower in names[1:2]:
                size = _number(data, width)
                return (Site(method.module.unit, cut), size, 1) if size is not None and size > 1 else None
            case _:
                pass
    return None


def _number(data: Instance, node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            width = data.attrs.get(name)
            return width if isinstance(width, int) else None
        case _:
            return None
