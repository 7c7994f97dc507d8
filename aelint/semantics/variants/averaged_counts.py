"""Codes as quotients of sums and counts over the same batches: averaged sums with counts of one batch are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.buffers import registered_buffers
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Event
from aelint.semantics.domain.values import Sym, Value

__all__ = ["UnaveragedCount", "unaveraged_counts"]

_CHOICES = frozenset({"one_hot", "argmax", "argmin", "topk", "scatter", "bincount", "eq"})
"""Beyond these, a count was not computed from the codebook but from which codes were chosen."""
_SCALES = frozenset({"mul", "truediv", "to", "detach", "type_as"})
_NUMBERS = frozenset({"float", "int", "dtype"})


@dataclass(frozen=True, slots=True, eq=False)
class UnaveragedCount:
    """A quotient whose sums are averaged over batches and whose counts are not, and where those are averaged in vain."""

    site: Site
    average: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Average:
    """Something new that is added to what a buffer held."""

    buffers: frozenset[int]
    added: Sym
    event: Event


def unaveraged_counts(program: Program) -> Iterator[UnaveragedCount]:
    """Averaged sums that are divided by the counts of one batch, although a buffer averages those counts."""
    buffers = set(registered_buffers(program))
    averages = list(_averages(program, buffers)) if len(buffers) > 1 else []
    for node in nodes_of(program, "truediv") if len(averages) > 1 else ():
        if node.site is None:
            continue
        sums, counts = _roots(node.attrs.get("input"), buffers), _near(node.attrs.get("other"))
        if not any(one.buffers & sums for one in averages) or counts.keys() & buffers:
            continue
        vain = next((a for a in averages if a.added.id in counts and not a.buffers & sums), None)
        if vain is not None:
            yield UnaveragedCount(node.site, vain.event.site)


def _averages(program: Program, buffers: set[int]) -> Iterator[_Average]:
    for call in program.method_calls("add_", "lerp_"):
        if call.args and isinstance(call.args[0], Sym):
            yield from _average(call.receiver, call.args[0], call, buffers)
    for store in program.stores:
        if isinstance(store.value, Sym) and store.value.op == "add" and len(store.value.inputs) == 2:
            first, second = store.value.inputs
            yield from _average(first, second, store, buffers)
            yield from _average(second, first, store, buffers)


def _average(held: Value, added: Value, event: Event, buffers: set[int]) -> Iterator[_Average]:
    """An average, if what is added was computed from no buffer and what it is added to was."""
    roots, new = _roots(held, buffers), _unscaled(added)
    if roots and isinstance(new, Sym) and not _roots(new, buffers):
        yield _Average(frozenset(roots), new, event)


def _unscaled(value: Value) -> Value:
    """What was multiplied by a number, on either side."""
    while isinstance(value, Sym) and value.op in _SCALES:
        factors = [one for one in value.inputs if isinstance(one, Sym) and one.op not in _NUMBERS]
        if len(factors) != 1:
            break
        value = factors[0]
    return value


def _roots(value: Value, buffers: set[int]) -> set[int]:
    return _near(value).keys() & buffers


def _near(value: Value) -> dict[int, Sym]:
    """What a value was computed from since the codes were chosen, by id."""
    return {one.id: one for one in ancestors(value, _CHOICES)}
