"""Results that are kept under a name which nothing reads, while what follows goes on with what they were computed from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.usage import is_pure, may_be_meant
from aelint.semantics.dataflow.dead_values import used_values
from aelint.semantics.dataflow.liveness import DeadStore, dead_stores
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Function, Sym
from aelint.syntax.names import uses

__all__ = ["Stranded", "stranded_results"]

_STEPS = frozenset({"dropout", "relu", "leaky_relu", "elu", "gelu", "silu", "selu", "masked_fill"})
"""Steps on the way through a network: nobody takes them to look at what they give, as with `probs = logits.softmax(-1)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Stranded:
    """The result of `operation` on `operand`, given to `name` at `site`; `read` reads the operand instead."""

    site: Site
    operation: str
    operand: str
    name: str
    read: Site


def stranded_results(program: Program) -> Iterator[Stranded]:
    """Such steps in the functions of the entry file, as far as the dataflow and the text of the function agree."""
    if not any(_is_step(b) for b in program.bindings):
        return
    used = used_values(program)
    alive = {id(b.site.node) for b in program.bindings if not _is_step(b) or b.value.id in used}
    taken = {id(b.site.node): b for b in program.bindings if id(b.site.node) not in alive}
    for function in program.own_functions:
        for store in dead_stores(function.node):
            binding = taken.get(id(store.target))
            found = _stranded(function, store, binding) if binding is not None else None
            if found is not None:
                yield found


def _is_step(binding: Binding) -> bool:
    return isinstance(binding.value, Sym) and binding.value.op in _STEPS


def _stranded(function: Function, store: DeadStore, binding: Binding) -> Stranded | None:
    name, operand = store.target.id, _operand(store.value)
    reused = any(n.lineno < store.target.lineno for n in uses(function.node, name))
    if operand is None or operand.id == name or not is_pure(store.value, binding.value):
        return None
    if may_be_meant(name) and not reused:
        return None
    later = [n for n in uses(function.node, operand.id) if n.lineno > store.target.lineno]
    following = min(later, key=lambda n: (n.lineno, n.col_offset), default=None)
    if following is None or not isinstance(following.ctx, ast.Load) or not isinstance(binding.value, Sym):
        return None
    unit = function.module.unit
    return Stranded(Site(unit, store.target), binding.value.op, operand.id, name, Site(unit, following))


def _operand(computed: ast.expr) -> ast.Name | None:
    """The name that a step is taken from: `F.dropout(h, 0.1)`, `self.relu(h)`, `h.masked_fill(mask, 0)`."""
    match computed:
        case ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr="masked_fill" | "relu")) if owner.id not in {
            "F",
            "torch",
        }:
            return owner
        case ast.Call(args=[ast.Name() as first, *_]):
            return first
        case _:
            return None
