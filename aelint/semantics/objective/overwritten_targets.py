"""Data that is masked in its own memory, and then serves as the target of what was masked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.storage import changes, owner
from aelint.semantics.dataflow.graph import nodes_of, parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, through, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import functions_around
from aelint.semantics.domain.trace import Binding, Call
from aelint.semantics.domain.values import External, Function, Instance, Sym, Value
from aelint.semantics.objective.comparisons import comparisons, is_output
from aelint.semantics.operators.random import DRAWN

__all__ = ["ChangedTarget", "OverwrittenTarget", "changed_targets", "overwritten_targets"]

_FILLS = frozenset({"masked_fill_", "index_fill_"})
_CASTS = RESHAPES | {"int", "long", "bool"}
_MADE = frozenset({"zeros", "ones", "full", "zero", "empty"})


@dataclass(frozen=True, slots=True, eq=False)
class OverwrittenTarget:
    """Where random places of a tensor are overwritten, and where they are compared with what the network made of it."""

    site: Site
    compared: Site


@dataclass(frozen=True, slots=True, eq=False)
class ChangedTarget:
    """What a sum or product in place made of a tensor, and where the tensor itself is compared with the output for it."""

    made: Sym
    site: Site
    compared: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """A mask token, a constant or noise written into random places of `target`."""

    target: Sym
    index: Sym
    site: Site
    order: int


def overwritten_targets(program: Program) -> Iterator[OverwrittenTarget]:
    """Reads of masked places, after they were masked, beside the network's outputs at the same places."""
    for write in _writes(program):
        root = owner(program, write.target)[0]
        if _is_still_made(program, root, write):
            continue
        found = _selected(program, write, root) or _whole(program, write, root)
        if found is not None:
            yield OverwrittenTarget(write.site, found)


def _is_still_made(program: Program, root: Value, write: _Write) -> bool:
    """Whether the function that writes has made the tensor itself, empty: this fills it with data."""
    made = through(root, _CASTS)
    if not isinstance(made, Sym) or made.op not in _MADE or made.site is None:
        return False
    writing, making = (functions_around(program, node)[:1] for node in (write.site.node, made.site.node))
    return writing == making


def changed_targets(program: Program) -> Iterator[ChangedTarget]:
    """Tensors that are the target under one name, and were changed in place under another to become the input."""
    found = [one for one in comparisons(program) if one.prediction is not None and one.target is not None]
    for node in nodes_of(program, *_COMBINED) if found else ():
        before = node.inputs[0] if node.inputs else None
        if node.site is None or not isinstance(before, Sym) or not _is_in_place(program, node, before):
            continue
        root = owner(program, before)[0]
        for one in found:
            target = through_reshapes(one.target)
            apart = target is not node and owner(program, target)[0] is root
            # The target's own changes are known by its name: it is what they made.
            if (
                apart
                and one.prediction is not None
                and depends_on(one.prediction, node)
                and not _is_made_of(target, node)
            ):
                yield ChangedTarget(node, node.site, one.site)


_COMBINED = frozenset({"add", "sub", "mul"})


def _is_in_place(program: Program, node: Sym, before: Sym) -> bool:
    """`x += noise`, or `x.add_(noise)`; of a number the sum is a new one."""
    augmented = node.site is not None and isinstance(node.site.node, ast.AugAssign)
    return (augmented and before.tensor is not False) or node.id in changes(program)


def _is_made_of(value: Value, node: Sym) -> bool:
    return isinstance(value, Sym) and depends_on(value, node)


def _writes(program: Program) -> Iterator[_Write]:
    for store in program.stores:
        index = _random_index(store.index)
        if not store.name and isinstance(store.target, Sym) and index is not None and _is_filling(store.value):
            yield _Write(store.target, index, store.site, store.order)
    for call in changes(program).values():
        index = _random_index(call.args[0] if call.args else None)
        if call.method in _FILLS and isinstance(call.receiver, Sym) and index is not None:
            yield _Write(call.receiver, index, call.site, call.order)


def _random_index(index: Value) -> Sym | None:
    """The tensor of places that were drawn at random, where an index holds one."""
    for one in index if isinstance(index, tuple) else (index,):
        if isinstance(one, Sym) and any(_is_drawn(a) for a in ancestors(one)):
            return one
    return None


def _is_drawn(one: Sym) -> bool:
    callee = one.attrs.get("callee")
    return one.op in DRAWN or (isinstance(callee, External) and callee.name.startswith("numpy.random."))


def _is_filling(value: Value) -> bool:
    """Whether what is written says nothing of the data: a number, a learned token, noise."""
    held = through_reshapes(value)
    return isinstance(held, (int, float)) or (isinstance(held, Sym) and held.op in {"parameter", *_MADE, *DRAWN})


def _selected(program: Program, write: _Write, root: Value) -> Site | None:
    """Where the same places of the overwritten tensor and of an output are taken, behind the write."""
    taken = [n for n in nodes_of(program, "getitem") if _takes(n, write.index)]
    made = _last_before(program, write.order) if taken else 0
    for read in taken:
        whole = read.inputs[0]
        if read.id <= made or is_output(whole) or owner(program, whole)[0] is not root or read.site is None:
            continue
        for other in taken:
            output = other.inputs[0]
            masked = other.id > made and is_output(output) and depends_on(output, whole)
            if masked and other is not read and not depends_on(output, read):
                return read.site
    return None


def _takes(node: Sym, index: Sym) -> bool:
    given = node.attrs.get("index")
    places = given if isinstance(given, tuple) else (given,)
    return bool(node.inputs) and isinstance(node.inputs[0], Sym) and any(one is index for one in places)


def _last_before(program: Program, order: int) -> int:
    """The id of the last node that was made before an event."""
    last = 0
    for event in program.machine.trace.events:
        if event.order >= order:
            break
        match event:
            case Call(callee=Function() | Instance()):
                pass  # it may still be running
            case Call(result=value) | Binding(value=value):
                last = max([last, *(one.id for one in parts(value))])
    return last


def _whole(program: Program, write: _Write, root: Value) -> Site | None:
    """Where an output for the masked tensor is compared with the tensor that shares its memory."""
    for one in comparisons(program):
        for output, target in ((one.first, one.second), (one.second, one.first)):
            if is_output(target) or owner(program, target)[0] is not root or not is_output(output):
                continue
            masked = (a for a in ancestors(output) if a.op in {"setitem", "masked_fill", "index_fill"} and a.inputs)
            if any(a.inputs[0] is write.target and a.site is not None for a in masked):
                return one.site
    return None
