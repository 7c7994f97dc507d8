"""Random numbers that a network keeps and samples with, or measures its codes against, as if they had been learned."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.buffers import registered_buffers
from aelint.semantics.dataflow.graph import consumers, nodes_of
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Store
from aelint.semantics.domain.values import Instance, Sym
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.latent.posteriors import posteriors
from aelint.syntax.walk import every

__all__ = ["FixedMean", "FixedScale", "fixed_means", "fixed_scales"]

_RANDOM = frozenset({"rand", "randn", "normal"})


@dataclass(frozen=True, slots=True, eq=False)
class FixedScale:
    """Where the buffer is registered, its name, and the sample that it scales."""

    site: Site
    name: str
    sample: Site


@dataclass(frozen=True, slots=True, eq=False)
class FixedMean:
    """Where a network keeps random numbers, under which name, and where the mean of a posterior is compared with them."""

    site: Site
    name: str
    compared: Site


def fixed_means(program: Program) -> Iterator[FixedMean]:
    """Plain tensors of random numbers whose squared distance from a posterior's mean is taken: a prior that is never learned."""
    means = {p.mean.id for p in posteriors(program) if p.mean is not None and p.learned}
    distances = [d for d in nodes_of(program, "sub") if d.site is not None and means & _ids(d)] if means else []
    kept = {s.value.id: s for s in program.stores if isinstance(s.value, Sym) and s.value.op in _RANDOM}
    buffers = registered_buffers(program)
    for distance in distances:
        for store in (kept[i] for i in _ids(distance) & kept.keys() if i not in buffers):
            squared = any(user.op in {"pow", "square"} for user in consumers(program).get(distance.id, ()))
            if squared and _is_set_once(program, store) and distance.site is not None:
                yield FixedMean(store.site, store.name, distance.site)


def _ids(difference: Sym) -> set[int]:
    whole = (through_reshapes(i) for i in difference.inputs)
    return {one.id for one in (*whole, *difference.inputs) if isinstance(one, Sym)}


def _is_set_once(program: Program, store: Store) -> bool:
    """Whether a constructor gives a network the tensor, and nothing changes, registers or trains it."""
    network, constructor = store.target, store.context.function
    kept = isinstance(network, Instance) and is_module(network)
    plain = isinstance(store.value, Sym) and store.value.attrs.get("requires_grad") is not True
    if not kept or not plain or constructor is None or constructor.name != "__init__":
        return False
    return not any(_changes(unit.tree, store.name, store.site.node) for unit in program.files)


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


def _changes(tree: ast.AST, name: str, first: ast.AST | None = None) -> bool:
    """Whether an attribute of the name is set again, or one of its own methods or its data is asked for that may change it."""
    for node in every(ast.Attribute, tree):
        if node.attr == name and not isinstance(node.ctx, ast.Load) and node is not first:
            return True
        inner = node.value
        if isinstance(inner, ast.Attribute) and inner.attr == name and (node.attr.endswith("_") or node.attr == "data"):
            return True
    return False
