"""Real and imaginary parts that are taken from another axis than the one that holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.operators.api import to_int

__all__ = ["MisreadParts", "misread_parts"]

_KEPT = frozenset({"detach", "clone", "contiguous", "to", "float", "double", "cpu", "cuda", "identity", "abs"})
_PAIRED = frozenset({"torch.complex", "torch.hypot"})
_REAL = re.compile(r"(?:^|_)re(?:al)?(?:_|$)")
_IMAGINARY = re.compile(r"(?:^|_)im(?:ag|aginary)?(?:_|$)")


@dataclass(frozen=True, slots=True, eq=False)
class MisreadParts:
    """Two entries of an axis that are taken for parts of complex numbers, and the tensor with these parts in its last axis."""

    first: Site
    second: Site
    made: Site
    axis: int
    size: Dim
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What is taken of a tensor that holds the parts of complex numbers in its last axis."""

    node: Sym
    whole: Sym
    entries: frozenset[tuple[int, int]]
    """The axes of which one entry is taken, and which."""
    squared: bool


def misread_parts(program: Program) -> Iterator[MisreadParts]:
    """The first and the second entry of another axis than the last, where they are put together or named as two parts."""
    for first, second in (*_combined(program), *_named(program)):
        axis, shape = _other_axis(first, second), first.whole.shape
        if axis is None or shape is None or shape[axis] == 2:  # the channels of a stereo signal are two as well
            continue
        match first.node.site, second.node.site, first.whole.site:
            case Site() as one, Site() as other, Site() as made:
                yield MisreadParts(one, other, made, axis, shape[axis], len(shape))
            case _:
                pass


def _other_axis(first: _Read, second: _Read) -> int | None:
    """The axis by whose first and second entry alone two reads of a tensor differ; None where its last axis is read."""
    last = len(first.whole.shape or ()) - 1
    match sorted(first.entries ^ second.entries):
        case [(axis, 0), (other, 1)] if axis == other and first.whole is second.whole:
            return None if any(a == last for a, _ in first.entries) else axis
        case _:
            return None


def _combined(program: Program) -> Iterator[tuple[_Read, _Read]]:
    """What is put together to a square of absolute values, an angle or a complex number."""
    for node in nodes(program):
        match node:
            case Sym(op="add" | "atan2", inputs=(left, right)):
                pass
            case Sym(op="call", attrs={"callee": External(name=name)}, inputs=(left, right)) if name in _PAIRED:
                pass
            case _:
                continue
        first, second = _read(left), _read(right)
        if first is not None and second is not None and (node.op != "add" or (first.squared and second.squared)):
            yield first, second


def _named(program: Program) -> Iterator[tuple[_Read, _Read]]:
    """What is called a real and an imaginary part."""
    named = [(node, one) for node in nodes(program) if (one := _read(node)) is not None]
    real, imaginary = (
        [one for node, one in named if any(pattern.search(name) for name in node.names)]
        for pattern in (_REAL, _IMAGINARY)
    )
    return product(real, imaginary)


def _read(value: Value) -> _Read | None:
    """What a value takes of a tensor with two parts in its last axis, as it is or squared."""
    match value:
        case Sym(op="view_as_real") | Sym(op="stft", attrs={"return_complex": False}):
            return _Read(value, value, frozenset(), squared=False)
        case Sym(op="square") | Sym(op="pow", attrs={"exponent": 2 | 2.0}):
            return _squared(_read(source(value)))
        case Sym(op="mul", inputs=(Sym() as left, Sym() as right)) if _are_one_entry(left, right):
            return _squared(_read(left))
        case Sym(op="getitem" | "select"):
            inner, entries = _read(source(value)), _entries(value)
            if inner is None or entries is None or inner.entries:
                return None
            return _Read(value, inner.whole, entries, inner.squared)
        case Sym(op=op) if op in _KEPT:
            return _read(source(value))
        case _:
            return None


def _squared(read: _Read | None) -> _Read | None:
    return None if read is None else replace(read, squared=True)


def _are_one_entry(left: Sym, right: Sym) -> bool:
    """Whether the same is taken twice: `s[..., 0] * s[..., 0]`."""
    same = left.op == right.op == "getitem" and source(left) is source(right)
    return same and "index" in left.attrs and bool(left.attrs["index"] == right.attrs.get("index"))


def _entries(value: Sym) -> frozenset[tuple[int, int]] | None:
    """The axes of which a constant index takes one entry, and which; None where some other index is among them."""
    whole = source(value)
    rank = len(whole.shape) if isinstance(whole, Sym) and whole.shape is not None else 0
    if value.op == "select":
        axis, entry = to_int(value.attrs.get("dim")), to_int(value.attrs.get("index"))
        return None if axis is None or entry is None or not rank else frozenset({(axis % rank, entry)})
    if "index" not in value.attrs:
        return None  # a call that leaves the index out, or splices it in
    index = value.attrs["index"]
    parts = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(p, slice) or p is ... or to_int(p) is not None for p in parts):
        return None
    rest = (slice(None),) * (rank - sum(p is not ... for p in parts))
    spelled = [one for p in parts for one in (rest if p is ... else (p,))]
    return frozenset((axis, p) for axis, p in enumerate(spelled) if isinstance(p, int))
