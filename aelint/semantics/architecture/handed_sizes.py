"""Sizes of layers that the call which builds their block hands on: where that call is what to correct."""

from __future__ import annotations

import ast

from aelint.rule import Site
from aelint.semantics.architecture.contradictions import Contradiction, owner_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import argument
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["handed_sizes", "told_by_another"]


def handed_sizes(program: Program, layer: Value) -> Instance | None:
    """The block whose call gives the layer its sizes, where the class is built with other sizes elsewhere."""
    owner = owner_of(program, layer) if isinstance(layer, Object) else None
    if owner is None or owner.site is None or not isinstance(layer, Object) or layer.site is None:
        return None
    names = {n.id for n in every(ast.Name, layer.site.node)}
    given = {name: value for name, value in owner.arguments.items() if name in names}
    others = [
        i for i in program.networks if i.cls is owner.cls and i.site is not None and i.site.node is not owner.site.node
    ]
    numbers = any(
        isinstance(a, ast.Constant) and isinstance(a.value, int) for a in getattr(layer.site.node, "args", [])[:2]
    )
    differ = any(any(i.arguments.get(name) != value for name, value in given.items()) for i in others)
    return owner if given and differ and not numbers else None


def told_by_another(program: Program, found: Contradiction, source: Sym | None) -> Instance | None:
    """The block that one method of a network gives its size, and another method an input of another size.

    Where the rest of the input is counted by another argument of the block, the block was told all and forgot to add it.
    """
    layer, expected, actual = found.conflict.layer, found.conflict.facts["expected"], found.conflict.facts["actual"]
    owner = owner_of(program, layer) if isinstance(layer, Object) else None
    if owner is None or not isinstance(expected, int) or not isinstance(actual, int) or _is_spelled(expected, found):
        return None
    counted = any(v == actual - expected for v in owner.arguments.values() if isinstance(v, int))
    if counted or not _is_part_of_a_network(program, owner) or source is None or source.site is None:
        return None
    # What the block itself put together is for its own layers to take.
    inside = source.site.lies_in(Site(owner.cls.module.unit, owner.cls.node))
    return owner if not inside and _gives_once(owner, expected) else None


def _is_spelled(size: int, found: Contradiction) -> bool:
    return any(n.value == size for n in every(ast.Constant, found.written.node))


def _is_part_of_a_network(program: Program, block: Instance) -> bool:
    """Whether the block is built inside of another network's class."""
    classes = (n.cls for n in program.networks if n.cls is not block.cls)
    return block.site is not None and any(block.site.lies_in(Site(c.module.unit, c.node)) for c in classes)


def _gives_once(block: Instance, size: int) -> bool:
    """Whether the call that builds a block writes an argument for the one parameter that has this size."""
    call, start = block.site.node if block.site is not None else None, block.cls.find("__init__")
    names = [name for name, value in block.arguments.items() if value == size]
    if not isinstance(call, ast.Call) or not isinstance(start, Function) or len(names) != 1:
        return False
    return argument(call, names[0], positional(start.node)[1:]) is not None
