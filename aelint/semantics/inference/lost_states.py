"""Weights that were loaded or kept aside, and that what follows does not run with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.liveness import dead_stores, names_read
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Call, Store
from aelint.semantics.domain.values import ClassValue, Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.optimization.parameters import held_by, is_optimizer
from aelint.semantics.optimization.training import Kind, actions
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["Lost", "kept_in_vain", "loads_thrown_away", "networks_shared_by_folds"]


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """Where it goes wrong, the place that it refers to, and the name of what is meant."""

    site: Site
    other: Site
    name: str


def loads_thrown_away(program: Program) -> Iterator[Lost]:
    """Networks and optimisers that are given a state and replaced by a new one under the same name before anything runs them."""
    loads = [c for c in program.method_calls("load_state_dict") if _holds_state(c.receiver)]
    for load in loads:
        name = _name_of(program, load.receiver, load)
        later = _next_value(program, name, load) if name is not None else None
        if name is None or later is None or not _is_new_twin(later.value, load.receiver):
            continue
        between = [c for c in program.calls if load.order < c.order < later.order]
        if not any(c.result is later.value for c in between):
            continue  # another network that was there before, in the next round of a loop over several
        if any(one.receiver is later.value for one in loads):
            continue  # each round builds its own and loads it
        if not later.context.guards and not any(_touches(c, load.receiver) for c in between):
            yield Lost(later.site, load.site, name.name)


def _holds_state(value: Value) -> bool:
    return isinstance(value, Instance) or is_optimizer(value)


def _name_of(program: Program, network: Value, load: Call) -> Binding | Store | None:
    """The attribute or name that the network was last given before the load."""
    given: list[Binding | Store] = [e for e in program.assignments if e.value is network and e.order < load.order]
    return max(given, key=lambda e: (isinstance(e, Store), e.order), default=None)


def _next_value(program: Program, name: Binding | Store, load: Call) -> Binding | Store | None:
    later: list[Binding | Store]
    if isinstance(name, Store):
        later = [s for s in program.stores_to(name.target, name.name) if s.order > load.order]
    else:
        later = [b for b in program.bindings_of(name.name) if b.scope is name.scope and b.order > load.order]
    return min(later, key=lambda e: e.order, default=None)


def _is_new_twin(value: Value, network: Value) -> bool:
    if is_optimizer(value) and is_optimizer(network):
        held = held_by(network)
        return value is not network and held.known and bool(held.owners) and held == held_by(value)
    if not isinstance(network, Instance):
        return False
    return isinstance(value, Instance) and value is not network and value.cls is network.cls and not value.symbolic


def _touches(call: Call, network: Value) -> bool:
    return any(v is network for v in (call.callee, call.receiver, *call.args, *call.kwargs.values()))


def kept_in_vain(program: Program) -> Iterator[Lost]:
    """Copies of a state that a branch on a best score keeps under a local name that nothing reads."""
    for scope in (program.tree, *(f.node for f in program.own_functions)):
        if isinstance(scope, ast.Lambda):
            continue
        unread = {id(d.target) for d in dead_stores(scope)} if not isinstance(scope, ast.Module) else None
        read = names_read(scope)
        for loop, branch, kept in _kept_states(scope):
            name = last_name(kept.targets[0])
            unused = name not in read and (unread is None or id(kept.targets[0]) in unread)
            if unused and _is_used_behind(scope, loop, kept.value):
                yield Lost(Site(program.unit, kept), Site(program.unit, branch.test), name)


def _kept_states(scope: ast.AST) -> Iterator[tuple[ast.stmt, ast.If, ast.Assign]]:
    """`best = copy.deepcopy(model.state_dict())` under a comparison: the outermost loop around it, the branch, the line."""
    loops = [n for n in own_nodes(scope) if isinstance(n, (ast.For, ast.AsyncFor, ast.While))]
    for branch in (n for n in own_nodes(scope) if isinstance(n, ast.If) and isinstance(n.test, ast.Compare)):
        around = next((loop for loop in loops if holds(loop, branch)), None)
        for statement in branch.body:
            match statement:
                case ast.Assign(targets=[ast.Name()], value=value) if around is not None and _is_copied_state(value):
                    yield around, branch, statement
                case _:
                    pass


def _is_used_behind(scope: ast.AST, loop: ast.stmt, value: ast.expr) -> bool:
    """Whether the model whose state is kept is read behind the loop."""
    owners = {
        n.func.value.id
        for n in every(ast.Call, value)
        if isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name)
    }
    end = loop.end_lineno or loop.lineno
    return any(isinstance(n, ast.Name) and n.id in owners and n.lineno > end for n in walk(scope))


def _is_copied_state(value: ast.expr) -> bool:
    """`copy.deepcopy(model.state_dict())`, or a dictionary of copies."""
    calls = every(ast.Call, value)
    names = {n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", "") for n in calls}
    return "state_dict" in names and bool(names & {"deepcopy", "clone", "copy", "cpu"})


_STARTS_ANEW = frozenset(
    {"load_state_dict", "apply", "reset_parameters", "reset", "deepcopy", "reset_weights", "clone"}
)


def networks_shared_by_folds(program: Program) -> Iterator[Lost]:
    """Networks that are trained in every round of a cross-validation, and made once before the first one."""
    seen: set[int] = set()
    for action in actions(program):
        if action.kind is not Kind.STEP or not isinstance(action.of, Object) or not action.held.known:
            continue
        for loop in action.context.loops:
            if id(loop.node) in seen or not isinstance(loop.node, ast.For) or not _goes_over_folds(program, loop.node):
                continue
            made = _made(program, action.of)
            inside = [c for c in program.calls if any(one.node is loop.node for one in c.context.loops)]
            outside = made is not None and not any(one.node is loop.node for one in made.context.loops)
            anew = any(c.method in _STARTS_ANEW or c.name.rsplit(".", 1)[-1] in _STARTS_ANEW for c in inside)
            builds = any(isinstance(c.callee, ClassValue) and is_network(c.callee) for c in inside)
            if outside and made is not None and not anew and not builds and made.site.unit is program.unit:
                seen.add(id(loop.node))
                yield Lost(made.site, Site(program.unit, loop.node.iter), "optimizer")


def _made(program: Program, optimizer: Object) -> Call | None:
    return next((c for c in program.calls if c.result is optimizer), None)


def _goes_over_folds(program: Program, loop: ast.For) -> bool:
    splits = {id(n) for n in every(ast.Call, loop.iter)}
    for call in program.calls_to("split", ".split", "sklearn.model_selection.KFold.split"):
        match call.receiver:
            case Sym(op="call", attrs={"callee": callee}) if id(call.site.node) in splits:
                return "model_selection" in getattr(callee, "name", "") and "Fold" in callee.name
            case Object(name=name) if id(call.site.node) in splits:
                return "model_selection" in name and "Fold" in name
    return False
