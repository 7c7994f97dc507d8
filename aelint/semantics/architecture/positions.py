"""Tables with a row for each position that are added along the axis of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Instance, Object, Shape, Sym, Value
from aelint.semantics.operators.batches import batch_axis

__all__ = ["AddedTable", "positions_along_batch"]

_KEEPING = frozenset({"dropout", "add", "mul", "relu", "layer_norm", "identity", "contiguous", "phi"})


@dataclass(frozen=True, slots=True, eq=False)
class AddedTable:
    """`table[:N]` added to a tensor of `shape` whose first axis is the batch, as `evidence` shows."""

    site: Site
    table: Shape
    shape: Shape
    evidence: Sym


def positions_along_batch(program: Program) -> Iterator[AddedTable]:
    """Sums of a batch and a stored table that was cut to the number of samples, each place once."""
    seen: set[int] = set()
    for node in nodes_of(program, "add"):
        if node.site is None or id(node.site.node) in seen:
            continue
        found = _added(program, node)
        if found is not None:
            seen.add(id(node.site.node))
            yield found


def _added(program: Program, node: Sym) -> AddedTable | None:
    for value, table in (node.inputs, node.inputs[::-1]) if len(node.inputs) == 2 else ():
        if not isinstance(value, Sym) or not isinstance(table, Sym) or not value.shape or len(value.shape) != 3:
            continue
        first, second, _ = value.shape
        whole = _cut_to(table, first) if first != second else None
        if whole is None:
            continue
        # Equal numbers may be a coincidence: then only the layer that takes the sum can tell.
        evidence = _used_batch_first(program, node) or (_shows_batch(value) if batch_axis(value.shape) == 0 else None)
        if evidence is not None and node.site is not None:
            return AddedTable(node.site, whole.shape or (), value.shape, evidence)
    return None


def _cut_to(table: Sym, samples: Dim) -> Sym | None:
    """The tensor with a row for each position of which the table is `something[:samples]`, one row for all samples."""
    lifted = table.op in {"unsqueeze", "view"} and bool(table.shape) and len(table.shape or ()) == 3
    if lifted and (table.shape or ())[1] == 1 and table.inputs and isinstance(table.inputs[0], Sym):
        table = table.inputs[0]
    else:
        lifted = False
    whole = table.inputs[0] if table.op == "getitem" and table.inputs else None
    if not isinstance(whole, Sym) or whole.shape is None:
        return None
    index = table.attrs.get("index", table.inputs[1] if len(table.inputs) > 1 else None)
    index = index[0] if isinstance(index, tuple) and index else index
    if not isinstance(index, slice) or index.start is not None or index.stop != samples or whole.shape[:1] == (1,):
        return None
    fits = len(whole.shape) == 2 if lifted else len(whole.shape) == 3 and whole.shape[1] == 1
    return whole if fits else None


def _shows_batch(value: Sym) -> Sym | None:
    """A convolution behind the value with the same first axis."""
    for one in ancestors(value):
        if one.op.startswith("conv") and one.shape and value.shape and one.shape[0] == value.shape[0]:
            return one
    return None


def _used_batch_first(program: Program, node: Sym) -> Sym | None:
    """A batch-first layer that the sum reaches without its axes being moved."""
    pending, seen = [node], {node.id}
    while pending:
        for user in consumers(program).get(pending.pop().id, []):
            if _is_batch_first(user.layer):
                return user
            if user.op in _KEEPING and user.id not in seen:
                seen.add(user.id)
                pending.append(user)
    return None


def _is_batch_first(layer: Object | Instance | None) -> bool:
    if not isinstance(layer, Object):
        return False
    inner: Value = layer.bound.get("encoder_layer", layer.bound.get("decoder_layer", layer))
    return isinstance(inner, Object) and inner.bound.get("batch_first") is True
