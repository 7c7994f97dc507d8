"""Work of a training step that no loss uses: outputs that are bound and never read, layers that nothing trains."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.usage import has_parameters
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.dead_values import used_values
from aelint.semantics.dataflow.graph import parts, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Function, Object, Sym
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.gradients import reach_of, updates
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["Idle", "idle_outputs", "overwritten_outputs"]

_HOOKS = frozenset({"register_forward_hook", "register_hook", "register_full_backward_hook", "register_backward_hook"})


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """An output with the name that it was given; `layers` are those that work for it alone."""

    site: Site
    name: str
    layers: tuple[Object, ...]
    backward: Site


def idle_outputs(program: Program) -> Iterator[Idle]:
    """Named outputs of layers that an optimiser holds, that a training step runs, and that no loss depends on."""
    known = [(u, reach_of(program)(u.backward.of)) for u in updates(program)]
    if not known or any(r.everything for _, r in known) or _is_watched(program):
        return
    trained = frozenset[int]().union(*(r.live | r.severed.keys() for _, r in known))
    held = {o for u, _ in known for s in u.steps if s.held.known for o in s.held.owners}
    leaves = (o for o in program.layers if o.children is None and id(o) in held and id(o) not in trained)
    idle = {id(o): o for o in leaves if has_parameters(o)}
    used = used_values(program) | _spread(program) if idle else set()
    chosen: dict[frozenset[int], tuple[Binding, dict[int, Object]]] = {}
    for binding, made in _unread(program, idle, used) if idle else ():
        before = chosen.get(frozenset(made))
        # A value that is handed on is named several times: the last function is where it gets lost.
        if before is None or before[0].site.unit_row != binding.site.unit_row:
            chosen[frozenset(made)] = binding, made
    for binding, made in chosen.values():
        yield Idle(binding.site, binding.name, tuple(made.values()), known[0][0].backward.event.site)


def _unread(program: Program, idle: dict[int, Object], used: set[int]) -> Iterator[tuple[Binding, dict[int, Object]]]:
    """Names of what idle layers computed that are unread each time their place runs, with the layers of the last time."""
    by_place: dict[int, tuple[Binding, dict[int, Object]] | None] = {}
    for binding in program.bindings:
        key, held = id(binding.site.node), list(parts(binding.value))
        made = {k: idle[k] for s in held if s.kind not in {"int", "bool"} for k in _layers(s) if k in idle}
        read = any(s.id in used for s in held) or _is_printed(binding)
        meant = _is_probe(binding) or binding.context.no_grad or binding.name.startswith("_")
        forgotten = made and not read and not meant and by_place.get(key, 0) is not None
        by_place[key] = (binding, made) if forgotten else None
    yield from (found for found in by_place.values() if found is not None)


def _is_probe(binding: Binding) -> bool:
    """Whether a constructor runs what it has built so far, to see the sizes that come out."""
    return any(activation.function.name == "__init__" for activation in binding.context.stack)


def _spread(program: Program) -> set[int]:
    """What is spread over a call's arguments, `zip(*outputs)`: what becomes of it is not seen."""
    names = {
        f.node: {n.value.id for n in every(ast.Starred, f.node) if isinstance(n.value, ast.Name)}
        for f in program.functions
    }
    bound = ((b, b.context.function) for b in program.bindings)
    return set(parts_of_all(b.value for b, f in bound if f is not None and b.name in names.get(f.node, ())))


def _is_printed(binding: Binding) -> bool:
    """Whether what was bound is for the reader: made with numpy, shown in an f-string, or alone at the end of a cell."""
    if any(one.op == "numpy" for value in parts(binding.value) for one in ancestors(value)):
        return True
    function = binding.context.function
    if function is None and binding.name in _shown(binding.site.unit.tree):
        return True
    texts = every(ast.JoinedStr, function.node) if function is not None else ()
    return any(isinstance(n, ast.Name) and n.id == binding.name for text in texts for n in walk(text))


def _layers(value: Sym) -> Iterator[int]:
    return (id(one.layer) for one in ancestors(value) if one.layer is not None)


def _is_watched(program: Program) -> bool:
    # A hook takes what a layer gives from elsewhere.
    return bool(program.method_calls(*_HOOKS))


def overwritten_outputs(program: Program) -> Iterator[Idle]:
    """Outputs of networks, in a function that calls `backward`, that are replaced by a later one before anything reads them."""
    backward = {id(c.context.function): c for c in backward_passes(program)}
    if not backward or _is_watched(program):
        return
    modules = (c for c in program.calls if c.name == "network" or is_module(c.receiver))
    bound = {getattr(b.value, "id", -1) for b in program.bindings if id(b.context.function) in backward}
    results = ((s.id, c) for c in modules if not c.context.no_grad for s in parts(c.result) if s.id in bound)
    made = {i: c for i, c in results if has_parameters(c.receiver)}
    used = used_values(program)
    seen: set[int] = set()
    for binding in program.bindings:
        function, call = binding.context.function, made.get(getattr(binding.value, "id", -1))
        if function is None or call is None or id(function) not in backward or id(binding.site.node) in seen:
            continue
        if binding.name.startswith("_") or binding.value.id in used or not _is_replaced(function, binding):
            continue
        seen.add(id(binding.site.node))
        yield Idle(binding.site, binding.name, (), backward[id(function)].site)


def _is_replaced(function: Function, binding: Binding) -> bool:
    if isinstance(function.node, ast.Lambda):
        return False
    stores = (d for d in dead_stores(function.node) if d.target is binding.site.node)
    return any(d.overwritten is not None and isinstance(d.value, ast.Call) for d in stores)


@once_per_node
def _shown(module: ast.AST) -> frozenset[str]:
    """Names that are a whole statement of the module: a notebook shows their values."""
    body = getattr(module, "body", [])
    return frozenset(s.value.id for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Name))
