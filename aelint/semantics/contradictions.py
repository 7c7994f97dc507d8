"""Sizes that contradict each other: each place once, and which layer gave the size that does not fit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics import dims
from aelint.semantics.dims import Dim
from aelint.semantics.memo import per_program
from aelint.semantics.modules import submodules
from aelint.semantics.operators import Conflict
from aelint.semantics.program import Program
from aelint.semantics.trace import Context
from aelint.semantics.values import Instance, Object, Sym, Value
from aelint.syntax.walk import walk

__all__ = [
    "Contradiction",
    "constructions",
    "contradictions",
    "last_layer",
    "owner_of",
    "source_of_size",
    "unflattened",
]


@dataclass(frozen=True, slots=True, eq=False)
class Contradiction:
    """An operation whose arguments cannot go together."""

    conflict: Conflict
    site: Site
    context: Context

    @property
    def written(self) -> Site:
        """Where the sizes are written: the layer's construction, else the operation itself."""
        layer = self.conflict.layer
        return layer.site if isinstance(layer, Object) and layer.site is not None else self.site


def contradictions(program: Program, *kinds: str) -> Iterator[Contradiction]:
    """The contradictions of the given kinds, once per place."""
    seen: set[int] = set()
    for conflict, context in program.conflicts(*kinds):
        site = conflict.site
        if site is None or id(site.node) in seen or _is_excluded(context):
            continue
        seen.add(id(site.node))
        yield Contradiction(conflict, site, context)


_TESTS_OF_SHAPE = frozenset(
    {"shape", "size", "dim", "ndim", "ndimension", "isinstance", "hasattr", "numel", "type", "len"}
)


def _is_excluded(context: Context) -> bool:
    """Whether a condition that was not decided may keep these shapes out of the branch."""
    return any(_asks_for_shape(guard.test) for guard in context.guards)


def _asks_for_shape(test: ast.AST) -> bool:
    if isinstance(test, ast.ExceptHandler):
        return True
    names = {
        n.attr if isinstance(n, ast.Attribute) else n.id for n in walk(test) if isinstance(n, (ast.Attribute, ast.Name))
    }
    return bool(names & _TESTS_OF_SHAPE)


def source_of_size(value: Value, size: Dim) -> Sym | None:
    """The operation, furthest back, from which on the tensor has an axis of this size; None if it came in so."""
    found: Sym | None = None
    while isinstance(value, Sym):
        if not _has(value, size):
            return found
        if value.layer is not None and _gives(value.layer, size):
            return value
        found = value if value.op not in {"param", "phi", "item"} else found
        value = next((i for i in value.inputs if isinstance(i, Sym)), None)
    return found


def _has(value: Sym, size: Dim) -> bool:
    return size in (value.shape if value.shape is not None else value.last)


_OUTPUTS = ("out_features", "out_channels", "embedding_dim", "hidden_size", "unflattened_size")


def _gives(layer: Object | Instance, size: Dim) -> bool:
    if not isinstance(layer, Object):
        return False
    given = [layer.bound.get(name) for name in _OUTPUTS]
    return any(g == size or (isinstance(g, tuple) and size in g) for g in given if g is not None)


def last_layer(value: Value) -> Object | None:
    """The layer nearest behind a tensor that holds parameters or changes its shape."""
    while isinstance(value, Sym):
        if isinstance(value.layer, Object) and value.layer.bound:
            return value.layer
        value = next((i for i in value.inputs if isinstance(i, Sym)), None)
    return None


def constructions(program: Program, name: str) -> Iterator[Object]:
    """The layers of one class, once per place where one is built."""
    seen: set[int] = set()
    for layer in program.layers:
        if layer.name == f"torch.nn.{name}" and layer.site is not None and id(layer.site.node) not in seen:
            seen.add(id(layer.site.node))
            yield layer


def unflattened(conflict: Conflict) -> bool:
    """Whether a linear layer would take the tensor if the axes behind the batch were flattened."""
    shape = conflict.facts["shape"]
    if conflict.operation != "linear" or len(shape) < 3 or shape[0] is ...:
        return False
    return bool(dims.product(shape[1:]) == conflict.facts["expected"])


@per_program
def _owners(program: Program) -> dict[int, Instance]:
    owners: dict[int, Instance] = {}
    # Blocks are built before what holds them, so the innermost owner comes first.
    for network in sorted(program.networks, key=lambda n: len(submodules(n))):
        for _, module in submodules(network):
            if module is not network:
                owners.setdefault(id(module), network)
    return owners


def owner_of(program: Program, layer: Object) -> Instance | None:
    """The innermost network of the project that holds a layer."""
    return _owners(program).get(id(layer))
