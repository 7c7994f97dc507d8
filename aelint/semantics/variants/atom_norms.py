"""Decoders of overcomplete sparse codes whose weights are brought to unit norm along the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value

__all__ = ["CrossedNorm", "crossed_norms", "norm_axis"]


@dataclass(frozen=True, slots=True, eq=False)
class CrossedNorm:
    """A norm along the latents of a decoder, where each latent's vector lies along the other `axis`.

    `features` and `latents` are None where only the rows of some latents are normed, before they are written.
    """

    site: Site
    features: int | None
    latents: int | None
    axis: int
    decoded: Site | None


def crossed_norms(program: Program) -> Iterator[CrossedNorm]:
    """Weights that are written back after each feature, and not each latent, was brought to length 1."""
    decoders = {key: (axis, n) for n in nodes_of(program, "matmul", "linear") for key, axis in _decoded(n)}
    for target, value, index in _writes(program) if decoders else ():
        weight, norm = _parameter(target), _unit_norm(value)
        if weight is None or norm is None or norm.site is None or weight.shape is None or len(weight.shape) != 2:
            continue
        axis, product = decoders.get(_key(weight), (None, None))
        if axis is None or product is None or norm_axis(norm) != axis:
            continue
        if index is not None:
            if _selects(index, axis) and isinstance(value, Sym) and value.shape is not None and len(value.shape) == 2:
                yield CrossedNorm(norm.site, None, None, 1 - axis, product.site)
        elif _parameter(source(norm)) is weight:
            latents, features = weight.shape[axis], weight.shape[1 - axis]
            if isinstance(latents, int) and isinstance(features, int) and latents > features:
                yield CrossedNorm(norm.site, features, latents, 1 - axis, product.site)


def _writes(program: Program) -> Iterator[tuple[Value, Value, Value]]:
    """What is written into which tensor, and at which index if not all over."""
    for store in program.stores:
        if store.name == "data" or store.index is not None:
            yield store.target, store.value, store.index
    for call in program.method_calls("copy_"):
        if call.args:
            yield call.receiver, call.args[0], None


def _selects(index: Value, axis: int) -> bool:
    """Whether several places of an axis are written, and all of the other one."""
    parts = index if isinstance(index, tuple) else (index,)
    others = [p for i, p in enumerate(parts) if i != axis]
    return len(parts) > axis and isinstance(parts[axis], Sym) and all(p == slice(None) for p in others)


def norm_axis(value: Sym) -> int | None:
    """The one axis over which a node reduces, counted from the front."""
    axis, whole = value.attrs.get("dim"), source(value)
    rank = len(whole.shape) if isinstance(whole, Sym) and whole.shape is not None else None
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int) or isinstance(axis, bool) or rank is None:
        return None
    return axis + rank if axis < 0 else axis


def _unit_norm(value: Value) -> Sym | None:
    """The operation that says along which axis vectors are brought to length 1."""
    match value:
        case Sym(op="truediv", attrs={"other": Sym(op="norm") as norm}):
            return norm
        case Sym(op="normalize"):
            return value
        case _:
            return None


def _decoded(node: Sym) -> Iterator[tuple[int, int]]:
    """The weight that rectified codes are multiplied with, and the axis of it along which the latents lie."""
    codes, weight = node.attrs.get("input"), node.attrs.get("other")
    if not isinstance(codes, Sym) or codes.op not in {"relu", "topk", "scatter", "where", "mul"}:
        return
    if node.op == "matmul" and (rows := _parameter(weight)) is not None:
        yield rows.id, 0
    elif node.op == "linear" and node.layer is not None:
        yield id(node.layer), 1


def _key(weight: Sym) -> int:
    layer = weight.attrs.get("layer")
    return weight.id if layer is None else id(layer)


def _parameter(value: Value) -> Sym | None:
    """The parameter itself, behind `.data` and what was written to it before."""
    for _ in range(8):
        match value:
            case Sym(op="parameter"):
                return value
            case Sym(op="detach" | "data" | "attr" | "copy" | "setitem", inputs=(inner, *_)):
                value = inner
            case _:
                return None
    return None
