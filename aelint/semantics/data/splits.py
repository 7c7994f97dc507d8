"""Training, validation and test parts: which rows they are, and under which names they are kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ListValue, Object, Sym, Value
from aelint.syntax.names import last_name
from aelint.syntax.walk import walk

__all__ = [
    "Part",
    "exchanged_names",
    "overlapping",
    "parts_of",
    "whole_beside_training_part",
]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows `index` of `data`."""

    data: Value
    index: Value
    site: Site | None


def parts_of(value: Value) -> Part | None:
    """A value as rows of something: `data[index]`, `data[index, :]`, `Subset(data, index)`."""
    while isinstance(value, Sym) and value.op in RESHAPES:
        value = source(value)
    match value:
        case (
            Sym(op="getitem", attrs={"input": data, "index": index})
            | Sym(op="item", inputs=(data, *_), attrs={"index": index})
        ):
            rows = index[0] if isinstance(index, tuple) and index else index
            return Part(data, rows, value.site) if not isinstance(rows, (str, int)) else None
        case Object(name="torch.utils.data.Subset", args=(data, index)):
            return Part(data, index, value.site)
        case _:
            return None


def overlapping(left: Part, right: Part) -> bool:
    """Whether both certainly share rows: the same indices, or slices or ranges with known ends that meet."""
    one_place = left.site is not None and left.site is right.site
    if left.data is not right.data or left.data is None or one_place:
        # What one expression gives several times, in a comprehension, are different items.
        return False
    match left.index, right.index:
        case slice() as a, slice() as b:
            return _slices_meet(a, b)
        case ((Sym() | ListValue()), (Sym() | ListValue())) if left.index is right.index:
            return True
        case _:
            return not _listed(left.index).isdisjoint(_listed(right.index))


def _listed(index: Value) -> frozenset[int]:
    """The rows of `range(800)`, `list(range(800))` or `[0, 4, 7]`; none for what is not written out."""
    match index:
        case range() as rows:
            return frozenset(rows)
        case ListValue(items=[Sym(op="element", attrs={"range": range() as rows})], perhaps_empty=False):
            return frozenset(rows)
        case ListValue(items=items, complete=True):
            return frozenset(i for i in items if isinstance(i, int))
        case _:
            return frozenset()


def _slices_meet(left: slice, right: slice) -> bool:
    ends = (left.start, left.stop, right.start, right.stop)
    if (
        left.step is not None
        or right.step is not None
        or not all(e is None or (isinstance(e, int) and e >= 0) for e in ends)
    ):
        return False
    if left.stop is None and left.start is None:
        return False
    low = max(left.start or 0, right.start or 0)
    stops = [s for s in (left.stop, right.stop) if s is not None]
    return bool(stops) and low < min(stops)


_KINDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}


def _kind(name: str) -> str | None:
    """Which of the three parts a name stands for, None if it says none or several."""
    found = {_KINDS[w] for w in name.lower().replace("-", "_").strip("_").split("_") if w in _KINDS}
    return found.pop() if len(found) == 1 else None


def exchanged_names(program: Program) -> Iterator[tuple[Site, str, str]]:
    """Places where two parts are stored under each other's name: in a dictionary, or by unpacking sizes."""
    for node in walk(program.tree):
        match node:
            case ast.Dict(keys=keys, values=values):
                pairs = [(k.value, v) for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant)]
                named = [(key, value) for key, value in pairs if isinstance(key, str)]
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Call() as call):
                sizes = next((a.elts for a in call.args if isinstance(a, (ast.List, ast.Tuple))), [])
                # `random_split(data, [n_train, n_test])`: the sizes say which part is which.
                named = (
                    [(_text(t), s) for t, s in zip(targets, sizes, strict=False)] if len(sizes) == len(targets) else []
                )
            case _:
                continue
        for key, value in _crossed(named):
            yield Site(program.unit, value), key, _text(value)


def _crossed(named: list[tuple[str, ast.expr]]) -> Iterator[tuple[str, ast.expr]]:
    kinds = [(_kind(key), _kind(_text(value)), key, value) for key, value in named]
    pairs = {(mine, other) for mine, other, _, _ in kinds if mine and other and mine != other}
    for mine, other, key, value in kinds:
        if (mine, other) in pairs and (other, mine) in pairs:
            yield key, value


def _text(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[inner]):
            return _text(inner)
        case _:
            return last_name(node)


def whole_beside_training_part(program: Program) -> Iterator[tuple[Site, str, str]]:
    """Entries that a training step reads although a `train_` version of them exists that nothing reads."""
    training = [f for f in program.own_functions if not isinstance(f.node, ast.Lambda) and _trains(f.node)]
    if not training:
        return
    read = {key for unit in program.files for key, _ in _reads(unit.tree)}
    stored = {key for unit in program.files for key in _keys(unit.tree)}
    for function in training:
        mine = list(_reads(function.node))
        for key, node in mine:
            version = f"train_{key}"
            beside = any(is_training_name(other) for other, _ in mine)
            if version in stored and version not in read and beside and not is_held_out_name(key):
                yield Site(function.module.unit, node), key, version


def _trains(function: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "backward" for n in walk(function))


def _reads(root: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in walk(root):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str() as key), ctx=ast.Load()):
                yield key, node
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as key), *_]):
                yield key, node


def _keys(root: ast.AST) -> Iterator[str]:
    for node in walk(root):
        match node:
            case ast.Dict(keys=keys):
                yield from (k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
            case ast.Subscript(slice=ast.Constant(value=str() as key), ctx=ast.Store()):
                yield key
            case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
                yield from (k.arg for k in keywords if k.arg)
