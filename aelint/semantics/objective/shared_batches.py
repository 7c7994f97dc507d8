"""Batches that a function corrupts in place and returns, where the caller takes the result for a copy and its own batch for clean."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, depends_on, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Store
from aelint.semantics.domain.values import DictValue, ListValue, Sym, Value
from aelint.semantics.objective.comparisons import comparisons
from aelint.semantics.operators.random import DRAWN
from aelint.syntax.walk import every, holds

__all__ = ["SharedBatch", "shared_batches"]

_BY_CHANCE = DRAWN | {"dropout"}


@dataclass(frozen=True, slots=True, eq=False)
class SharedBatch:
    """Where an entry of a batch is overwritten, where the caller reads it as the clean one, and the two names of the one batch."""

    site: Site
    read: Site
    given: str
    returned: str


@per_program
def shared_batches(program: Program) -> list[SharedBatch]:
    """Entries of dictionaries and lists that are overwritten with what was drawn, and compared with what became of them."""
    return [
        found
        for store in program.stores
        if _is_corruption(program, store)
        for found in _taken_for_clean(program, store)
    ]


def _is_corruption(program: Program, store: Store) -> bool:
    """Whether an entry is overwritten with what the same call of the function, or one below it, drew at random."""
    if store.name or not isinstance(store.target, (DictValue, ListValue)) or not isinstance(store.value, Sym):
        return False
    running = store.context.stack
    if not running or not isinstance(store.index, (str, int)):
        return False
    made = {a.id for a in ancestors(store.value) if a.op in _BY_CHANCE}
    drawn = (c for c in program.calls if isinstance(c.result, Sym) and c.result.id in made)
    return bool(made) and any(c.context.stack[: len(running)] == running for c in drawn)


def _taken_for_clean(program: Program, store: Store) -> Iterator[SharedBatch]:
    for call in program.calls:
        if call.result is not store.target or call.site.node is not _called_at(store):
            continue
        named = _two_names(program, call)
        read = _read_behind(call, named[0], store.index) if named is not None else None
        if named is not None and read is not None and _is_target(program, store.value):
            yield SharedBatch(store.site, read, *named)


def _called_at(store: Store) -> ast.AST | None:
    site = store.context.stack[-1].site
    return site.node if site is not None else None


def _two_names(program: Program, call: Call) -> tuple[str, str] | None:
    """The name under which the caller gave the batch, and the other one under which it keeps what came back."""
    node = call.site.node
    given = [a.id for a in node.args if isinstance(a, ast.Name)] if isinstance(node, ast.Call) else []
    bound = (b for b in program.bindings if b.value is call.result and b.context.stack == call.context.stack)
    kept = next((b.name for b in bound if b.order > call.order), "")
    return (given[0], kept) if given and kept and kept not in given else None


def _read_behind(call: Call, name: str, index: object) -> Site | None:
    """Where the function that called reads the entry of its own batch later on."""
    function = call.context.function
    scope = function.node if function is not None else call.site.unit.tree
    end = _place(call.site.node)
    for node in every(ast.Subscript, scope):
        match node:
            case ast.Subscript(value=ast.Name(id=read), slice=ast.Constant(value=key), ctx=ast.Load()):
                if read == name and key == index and _place(node) > end and not holds(call.site.node, node):
                    return Site(call.site.unit, node)
            case _:
                pass
    return None


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _is_target(program: Program, corrupted: Value) -> bool:
    """Whether a loss asks the network for the very tensor that it was given."""
    held = through_reshapes(corrupted)
    return any(
        isinstance(held, Sym)
        and one.target is not None
        and one.prediction is not None
        and through_reshapes(one.target) is held
        and depends_on(one.prediction, held)
        for one in comparisons(program)
    )
