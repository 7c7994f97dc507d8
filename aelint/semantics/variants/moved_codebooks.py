"""Codebooks that are written to between the search for the nearest codes and the look-up of these codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.variants.quantizers import (
    LOOKUPS,
    choice_of,
    index_and_table,
    is_later,
    leaves_of,
    places_of,
    table_of,
)

__all__ = ["MovedCodebook", "moved_codebooks"]


@dataclass(frozen=True, slots=True, eq=False)
class MovedCodebook:
    """Where the nearest codes are found, where the codebook is written to, and where the codes are taken from it."""

    searched: Site
    moved: Site
    taken: Site


def moved_codebooks(program: Program) -> Iterator[MovedCodebook]:
    """The first look-up behind each search, where the codebook has been written to since the search."""
    answered: set[int] = set()
    for node in nodes_of(program, *LOOKUPS):  # in the order in which they were made
        index, table = index_and_table(node) or (None, None)
        chosen = choice_of(index) if index is not None and isinstance(table, (Sym, Object)) else None
        measure = source(chosen) if chosen is not None else None
        if chosen is None or not isinstance(measure, Sym) or measure.id in answered:
            continue
        if not any(_is_one_table(program, leaf, table) for leaf in leaves_of(measure)):
            continue
        answered.add(measure.id)
        moved = _written_between(program, measure, table, node)
        if moved is not None and chosen.site is not None and node.site is not None:
            yield MovedCodebook(chosen.site, moved, node.site)


def _is_one_table(program: Program, before: Value, after: Value) -> bool:
    """Whether the table that is looked up in, as it was then or is now, is what the distances were measured to."""
    if isinstance(key := table_of(after), Object):
        return table_of(before) is key
    return bool(_kept_at(program, before) & _kept_at(program, after))  # what no attribute keeps is a latent


def _kept_at(program: Program, table: Value) -> frozenset[tuple[int, str]]:
    """The attributes that a tensor, or one that it may be, was kept in."""
    places = places_of(program)
    held = table_of(table)
    return frozenset().union(*(places.get(id(one), frozenset()) for one in (held, *alternatives(held))))


def _written_between(program: Program, measure: Sym, table: Value, node: Sym) -> Site | None:
    """Where the table got a value that is newer than the distances and older than the look-up."""
    for store in program.stores:
        value = store.value
        newer = isinstance(value, Sym) and measure.id < value.id < node.id and is_later(store.context.function)
        if newer and store.name and _is_of(store.target, store.name, value, table):
            return store.site
    for call in program.calls if isinstance(table, Object) else ():
        match call.receiver, call.result:
            case Sym() as weight, Sym(id=made) if call.method.endswith("_") and measure.id < made < node.id:
                if table_of(weight) is table and is_later(call.context.function):
                    return call.site
            case _:
                pass
    return None


def _is_of(target: Value, name: str, value: Value, table: Value) -> bool:
    """Whether a store gives the table its value: an attribute that it is read from, or the weight of an embedding."""
    if isinstance(table, Object):
        return (target is table and name == "weight") or (name == "data" and table_of(target) is table)
    held = table_of(table)
    return any(one is value for one in (held, *alternatives(held))) or (name == "data" and target is held)
