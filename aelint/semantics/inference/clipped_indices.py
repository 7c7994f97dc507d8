"""Indices that are limited to a constant below the last entry of the table that they are looked up in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import DictValue, External, ListValue, Object, Sym, Value
from aelint.semantics.operators.api import to_int
from aelint.semantics.variants.quantizers import choice_of, index_and_table, table_of

__all__ = ["ClippedIndex", "clipped_indices"]

_KEPT = RESHAPES | {"element", "getitem", "item", "int", "long", "detach", "numpy", "item_value", "type"}
_KEPT_BY_METHOD = frozenset({"tolist", "astype", "copy", "ravel", "reshape", "item"})
_JOINED = frozenset({"cat", "stack"})
_ARRAYS = frozenset({"numpy.array", "numpy.asarray"})
_OTHERS = frozenset({"other", "others", "unk", "unknown", "oov", "misc", "rare", "rest", "?", "", " ", "_", "\ufffd"})
_MARKS = frozenset({"pad", "bos", "eos", "sos", "cls", "sep", "mask", "start", "end", "stop", "blank", "go", "unk"})
_CLASSES = ("num_embeddings", "out_features", "out_channels")
_FEW = 4
"""So many entries behind the last class are marks in many vocabularies: padding, begin, end and mask."""


@dataclass(frozen=True, slots=True, eq=False)
class ClippedIndex:
    """Where indices are limited, to which number, and the table in which the entries behind it are never met."""

    limited: Site
    limit: int
    taken: Site
    entries: Sequence[Value]
    """The entries of the table by their index; the rows of a tensor are their own numbers."""
    table: Site | None


@dataclass(frozen=True, slots=True, eq=False)
class _Lookup:
    node: Sym
    index: Sym
    table: Value
    entries: Sequence[Value] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Limited:
    lookup: _Lookup
    node: Sym
    """The operation that limits the index."""
    most: int


def clipped_indices(program: Program) -> Iterator[ClippedIndex]:
    """The first look-up behind each limit, where every table behind it has further entries, and these are meant to be met."""
    taken = [
        one
        for node in nodes_of(program, "item", "call", "getitem", "embedding", "index_select")
        if (one := _lookup(node)) is not None
    ]
    behind: dict[int, list[_Limited]] = {}
    for lookup in taken:
        limit = _limit(lookup.index)
        if limit is not None and limit[0].site is not None:
            behind.setdefault(id(limit[0].site.node), []).append(_Limited(lookup, *limit))
    for found in behind.values():
        if all(_leaves_out(one, taken) for one in found) and any(_is_missed(program, one, taken) for one in found):
            yield from _told(found[0])


def _told(one: _Limited) -> Iterator[ClippedIndex]:
    limited, taken, entries = one.node.site, one.lookup.node.site, one.lookup.entries
    if limited is not None and taken is not None and entries is not None:
        yield ClippedIndex(limited, one.most, taken, entries, getattr(one.lookup.table, "site", None))


def _lookup(node: Sym) -> _Lookup | None:
    """A read of one entry, or of several, at an index that only a run knows."""
    match node:
        case Sym(op="item", inputs=(table,), attrs={"index": Sym() as index}):
            return _Lookup(node, index, table, _entries(table))
        case Sym(op="call", attrs={"method": "get"}, inputs=(DictValue() as table, Sym() as index, *_)):
            return _Lookup(node, index, table, _entries(table))
        case Sym(op="getitem" | "embedding" | "index_select"):
            pair = index_and_table(node)
            return None if pair is None else _Lookup(node, *pair, _entries(pair[1]))
        case _:
            return None


def _entries(table: Value) -> Sequence[Value] | None:
    """The entries of a table by their index, as far as they are known; None where their number is not."""
    match table:
        case str() | tuple():
            return table
        case ListValue(complete=True, items=items):
            return items
        case DictValue(complete=True, items=items) if list(items) == list(range(len(items))):
            return list(items.values())
        case Sym(op="call", attrs={"callee": External(name=name), "args": (inner, *_)}) if name in _ARRAYS:
            return _entries(inner)
        case Sym() | Object():
            return _rows(table)
        case _:
            return None


def _rows(table: Sym | Object) -> range | None:
    match table_of(table):
        case Object(bound={"num_embeddings": int() as count}):
            return range(count)
        case Sym(shape=(int() as count, *_)):
            return range(count)
        case _:
            return None


def _limit(index: Sym) -> tuple[Sym, int] | None:
    """The operation that keeps an index from growing beyond a constant, and that constant; the loosest one of what was joined."""
    limits: list[tuple[Sym, int]] = []
    others: list[Sym] = []
    for one in _handed_from(index, lambda value: _most(value) is not None):
        most = _most(one)
        if most is None:
            others.append(one)
        else:
            limits.append((one, most))
    loosest = max(limits, key=lambda limit: limit[1], default=None)
    return loosest if loosest is not None and all(one.range.high <= loosest[1] for one in others) else None


def _handed_from(index: Sym, ends: Callable[[Sym], bool]) -> Iterator[Sym]:
    """The values that an index holds, as they were where `ends` says so, or else where they were computed."""
    pending, seen = [index], set[int]()
    while pending:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        inner = [] if ends(one) else _handed_on(one)
        pending.extend(inner)
        if not inner:
            yield one


def _most(value: Sym) -> int | None:
    """The constant that an operation limits its numbers to from above."""
    match value:
        case Sym(op="clamp", attrs={"max": limit}):
            return to_int(limit)
        case Sym(op="minimum", attrs={"other": Sym(range=bounds)}) if bounds.low == bounds.high:
            return int(bounds.high)
        case Sym(op="minimum", attrs={"other": limit}):
            return to_int(limit)
        case Sym(op="min", inputs=given):
            return min((n for n in map(to_int, given) if n is not None), default=None)
        case _:
            return None


def _handed_on(value: Sym) -> list[Sym]:
    """What a value is, is some of, or is joined of; nothing where it is computed."""
    given = [i for i in value.inputs if isinstance(i, Sym)]
    if value.op in _JOINED:
        return given
    bounded = value.op in {"max", "clamp"} and "dim" not in value.attrs and len(given) == 1
    called = value.op == "call" and value.attrs.get("method") in _KEPT_BY_METHOD
    return given[:1] if value.op in _KEPT or called or bounded else []


def _leaves_out(one: _Limited, taken: Sequence[_Lookup]) -> bool:
    """Whether the table is known to have entries behind the limit that are no marks, and that nothing reads from there on."""
    entries = one.lookup.entries
    if entries is None or not 0 <= one.most < len(entries) - 1:
        return False
    if _text(entries[one.most]) in _OTHERS or all(_text(entry) in _MARKS for entry in entries[one.most + 1 :]):
        return False
    return not any(_is_neighbour(other, one) for other in taken)


def _is_neighbour(other: _Lookup, one: _Limited) -> bool:
    """Whether an entry next to the limited index is read as well: `table[i] * (1 - w) + table[i + 1] * w`."""
    if other.table is not one.lookup.table or _limit(other.index) is not None:
        return False
    return any(_most(a) == one.most for a in ancestors(other.index))


def _text(entry: Value) -> str:
    """A mark or a word without its brackets: `pad` of "<pad>"; signs stay what they are."""
    text = entry.lower() if isinstance(entry, str) else "-"
    return text.strip("<>[]|_ ") or text


def _is_missed(program: Program, one: _Limited, taken: Sequence[_Lookup]) -> bool:
    """Whether indices beyond the limit are known to come, or the table is what the numbers of the program stand for."""
    entries = one.lookup.entries or ()
    ids = [value for value in one.node.inputs if isinstance(value, Sym)]
    reach = max(map(_reach, ids))
    if isinstance(entries, range):
        chosen = any(choice_of(value) is not None for value in ids)
        return chosen and min(reach, len(entries) - 1) - one.most > _FEW
    if math.isfinite(reach):
        return reach > one.most
    return _is_vocabulary(program, entries) and not any(_reads_more(other, one) for other in taken)


def _reach(value: Sym) -> float:
    """The largest number that is known to be among the indices; infinity where none is."""
    found = [one.range.high for one in _handed_from(value, lambda one: math.isfinite(one.range.high))]
    return max(filter(math.isfinite, found), default=math.inf)


def _reads_more(other: _Lookup, one: _Limited) -> bool:
    """Whether another look-up in the table may meet the entries behind the limit."""
    if other.table is not one.lookup.table or other.index.range.high <= one.most:
        return False
    limit = _limit(other.index)
    return limit is None or limit[1] > one.most


def _is_vocabulary(program: Program, entries: Sequence[Value]) -> bool:
    """Whether a layer has a number for each entry, or a dictionary tells the number of each."""
    sizes = (layer.bound.get(name) for layer in program.layers for name in _CLASSES)
    return len(entries) in sizes or any(_numbers(a.value, entries) for a in program.assignments)


def _numbers(value: Value, entries: Sequence[Value]) -> bool:
    return isinstance(value, DictValue) and list(value.items.items()) == [(e, i) for i, e in enumerate(entries)]
