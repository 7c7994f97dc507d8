"""Random numbers in a buffer that a network samples with, as if they had been learned."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.buffers import registered_buffers
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.posteriors import posteriors
from aelint.syntax.walk import every

__all__ = ["FixedScale", "fixed_scales"]

_RANDOM = frozenset({"rand", "randn", "normal"})


@dataclass(frozen=True, slots=True, eq=False)
class FixedScale:
    """Where the buffer is registered, its name, and the sample that it scales."""

    site: Site
    name: str
    sample: Site


def fixed_scales(program: Program) -> Iterator[FixedScale]:
    """Buffers of random numbers that scale the noise of a sample, and that nothing ever changes."""
    buffers = registered_buffers(program)
    started = {c.args[0].id for c in program.calls if _initializes(c)} if buffers else set()
    for posterior in posteriors(program) if buffers else ():
        head = through_reshapes(posterior.head)
        call = buffers.get(head.id) if isinstance(head, Sym) else None
        if call is None or not (head.op in _RANDOM or head.id in started):
            continue
        name = str(call.args[0])
        if not any(_changes(unit.tree, name) for unit in program.files):
            yield FixedScale(call.site, name, posterior.site)


def _initializes(call: Call) -> bool:
    random = call.name.startswith("torch.nn.init.") and call.name.rpartition(".")[2].startswith(("xavier", "kaiming"))
    drawn = call.name in {"torch.nn.init.normal_", "torch.nn.init.uniform_", "torch.nn.init.trunc_normal_"}
    return (random or drawn) and bool(call.args) and isinstance(call.args[0], Sym)


def _changes(tree: ast.AST, name: str) -> bool:
    """Whether an attribute of the name is set, or one of its own methods or its data is asked for that may change it."""
    for node in every(ast.Attribute, tree):
        if node.attr == name and not isinstance(node.ctx, ast.Load):
            return True
        inner = node.value
        if isinstance(inner, ast.Attribute) and inner.attr == name and (node.attr.endswith("_") or node.attr == "data"):
            return True
    return False
