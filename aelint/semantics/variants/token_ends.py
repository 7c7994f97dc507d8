"""Mask tokens at one end of the decoder's sequence, and a prediction for the hidden patches that is read at the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Sym, Value, elements

__all__ = ["ExchangedEnds", "exchanged_ends"]

_REORDERS = frozenset({"gather", "scatter", "getitem", "index_select", "flip", "roll", "where", "take_along_dim"})


@dataclass(frozen=True, slots=True, eq=False)
class ExchangedEnds:
    """Where the tokens are joined, the mask tokens first or last, and where as many are read at the other end."""

    joined: Site
    read: Site
    masks_last: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Joined:
    """A sequence of visible tokens and mask tokens, along axis 1."""

    node: Sym
    visible: Dim
    masked: Dim
    masks_last: bool


def exchanged_ends(program: Program) -> Iterator[ExchangedEnds]:
    """Sequences of unequal parts of which, behind a decoder that keeps the order, as many tokens as are masked are read at the wrong end."""
    sequences = [(s, n.site) for n in nodes_of(program, "cat") if n.site and (s := _joined(n)) is not None]
    reads = (n for n in nodes_of(program, "getitem") if n.site is not None) if sequences else ()
    for node in reads:
        behind = source(node)
        for one, site in sequences:
            kept = isinstance(behind, Sym) and _reads_other_end(node, one) and _keeps_order(behind, one.node)
            if kept and node.site is not None:
                yield ExchangedEnds(site, node.site, one.masks_last)


def _joined(node: Sym) -> _Joined | None:
    parts = [p for p in elements(node.attrs.get("tensors")) or () if isinstance(p, Sym)]
    sizes = [p.shape[1] for p in parts if p.shape is not None and len(p.shape) == 3]
    masks = [_are_masks(p) for p in parts]
    if node.attrs.get("dim") not in {1, -2} or len(sizes) != 2 or masks not in ([True, False], [False, True]):
        return None
    masked, visible = sizes if masks[0] else sizes[::-1]
    return _Joined(node, visible, masked, masks[1]) if masked != visible else None


def _are_masks(value: Value) -> bool:
    """Copies of one learned vector, with their positions added."""
    match value:
        case Sym(op="add", inputs=inputs):
            return any(_are_masks(i) for i in inputs)
        case Sym(op="expand" | "repeat"):
            token = through(source(value), RESHAPES)
            return isinstance(token, Sym) and token.op == "parameter"
        case _:
            return False


def _reads_other_end(node: Sym, one: _Joined) -> bool:
    match node.attrs.get("index"):
        case (slice() as rows, slice(step=None) as tokens, *_) if rows == slice(None):
            if one.masks_last:
                return tokens.start in {None, 0} and tokens.stop == one.masked
            return tokens.stop is None and tokens.start == one.visible
        case _:
            return False


def _keeps_order(behind: Sym, joined: Sym) -> bool:
    """Whether what is read follows from the joined tokens, one for one."""
    if behind.shape is None or joined.shape is None or behind.shape[:2] != joined.shape[:2]:
        return False
    if behind is not joined and not depends_on(behind, joined):
        return False
    between = (a for a in ancestors(behind) if a is not joined and depends_on(a, joined))
    return not any(a.op in _REORDERS for a in between)
