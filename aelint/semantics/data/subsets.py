"""Parts of data sets: what is asked of a `Subset` that only the data set behind it knows, and splits that are drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, ListValue, Object, Value

__all__ = ["Redrawn", "redrawn_splits", "unseen_settings"]

_OWN = frozenset({"dataset", "indices"})


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """Two calls that split one data set at random; different parts of the two results are used."""

    first: Call
    second: Call


def redrawn_splits(program: Program) -> Iterator[Redrawn]:
    """Random splits of one data set (or of two like ones), of which different parts are used."""
    splits = [c for c in program.calls_to("torch.utils.data.random_split") if isinstance(c.result, ListValue)]
    seen: set[int] = set()
    for number, second in enumerate(splits):
        first = next((c for c in splits[:number] if _is_other_part(c, second)), None)
        if first is None or id(second.site.node) in seen or second.site.unit is not program.unit:
            continue
        between = (c for c in program.calls if first.order < c.order < second.order and not c.method)
        if any("seed" in c.name.lower() for c in between):
            continue
        used, also = _used(program, first), _used(program, second)
        if used and also and not used & also:
            seen.add(id(second.site.node))
            yield Redrawn(first, second)


def _is_other_part(first: Call, second: Call) -> bool:
    if first.site.node is second.site.node or "generator" in first.kwargs or "generator" in second.kwargs:
        return False
    return len(first.args) == len(second.args) == 2 and _alike(first.args[0], second.args[0])


def _alike(left: Value, right: Value) -> bool:
    """Whether it is one data set, or two of one class."""
    match left, right:
        case Instance(), Instance():
            return left.cls is right.cls
        case Object(), Object():
            return left is right or (
                left.name == right.name and _without_transforms(left) == _without_transforms(right)
            )
        case _:
            return left is right and left is not None


def _without_transforms(data: Object) -> list[str]:
    given = [*data.args, *(v for k, v in sorted(data.kwargs.items()) if "transform" not in k)]
    return [repr(v) for v in given]


def _used(program: Program, split: Call) -> set[int]:
    """The parts that are read again: named, and not thrown away as `_`."""
    parts = {id(p): n for n, p in enumerate(split.result.items)}
    named = {b.name for b in program.bindings if id(b.value) in parts} - {"_", "__"}
    found = {parts[id(b.value)] for b in program.bindings if id(b.value) in parts and b.name in named}
    return found | {parts[id(s.value)] for s in program.stores if id(s.value) in parts}


def unseen_settings(program: Program) -> Iterator[tuple[Site, str, Site]]:
    """Attributes that are set on a `Subset`, which never looks at them, while the data set behind it does."""
    for store in program.stores:
        subset = store.target
        if not (isinstance(subset, Object) and subset.name == "torch.utils.data.Subset" and store.name):
            continue
        data = subset.args[0] if subset.args else subset.kwargs.get("dataset")
        if store.name in _OWN or store.site.unit is not program.unit or subset.site is None:
            continue
        known = (
            data.attrs
            if isinstance(data, Instance)
            else {"transform", "transforms"}
            if isinstance(data, Object)
            else ()
        )
        if store.name in known:
            yield store.site, store.name, subset.site
