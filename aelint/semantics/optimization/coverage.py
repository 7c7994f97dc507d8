"""Which layers of a trained loss the program's optimisers hold, and which they lost or never had."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Context
from aelint.semantics.domain.values import Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import contains, each_module
from aelint.semantics.optimization.gradients import reach_of, untracked, updates
from aelint.semantics.optimization.initialization import is_frozen, is_weighted
from aelint.semantics.optimization.parameters import Held, held_by, owner_of
from aelint.semantics.optimization.training import Kind, actions, optimizers
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, holds, walk

__all__ = ["Missed", "Replaced", "frozen_whole", "listed_elsewhere", "missed_layers", "replaced_parameters"]


@dataclass(frozen=True, slots=True, eq=False)
class Missed:
    """An optimiser whose step follows a loss that depends on layers which no optimiser holds."""

    optimizer: Object
    layers: tuple[Object, ...]
    backward: Site


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """A part of a model that was exchanged after the optimiser had taken its parameters."""

    site: Site
    optimizer: Object
    name: str


def missed_layers(program: Program) -> Iterator[Missed]:
    """Layers that a loss trains and no optimiser holds."""
    held = _held_in_sight(program)
    if not held or not all(h.known for h in held) or any(c.method == "add_param_group" for c in program.calls):
        return
    owned = frozenset[int]().union(*(h.owners for h in held))
    # What runs under `no_grad` alone, as the target networks of reinforcement learning do, gets no gradient.
    ran = {id(c.receiver) for c in program.calls if isinstance(c.receiver, Object) and not c.context.no_grad}
    layers = {id(o): o for o in program.layers if id(o) in ran}
    reported: set[int] = set()
    for update in updates(program):
        reached = reach_of(program)(update.backward.of, untracked(program))
        optimizer = next((s.of for s in update.steps if isinstance(s.of, Object)), None)
        if reached.everything or optimizer is None or id(optimizer) in reported:
            continue
        missing = [layers[i] for i in reached.live - owned if i in layers and is_weighted(layers[i])]
        missing = [one for one in missing if _is_in_reach(update.backward.event.context, one)]
        missing = [one for one in missing if not (_is_cared_for(program, one) or _is_kept_by_decorator(program, one))]
        if missing:
            reported.add(id(optimizer))
            missing.sort(key=lambda one: one.id)
            yield Missed(optimizer, tuple(missing), update.backward.event.site)


def _held_in_sight(program: Program) -> list[Held]:
    """What the optimisers hold; of a line that builds one from what is in sight, and another one for unknown callers, the former."""
    held = [(optimizer.site, held_by(optimizer)) for optimizer in optimizers(program)]
    known = {site.node for site, one in held if site is not None and one.known}
    return [one for site, one in held if one.known or site is None or site.node not in known]


def listed_elsewhere(program: Program, optimizer: Object) -> Site | None:
    """Where another function than the one that builds the optimiser lists the parameters for it."""
    given = optimizer.args[0] if optimizer.args else optimizer.kwargs.get("params")
    if not isinstance(given, ListValue) or given.site is None or optimizer.site is None:
        return None
    makers = [f.node for f in program.own_functions if holds(f.node, given.site.node)]
    return given.site if makers and not any(holds(f, optimizer.site.node) for f in makers) else None


def _is_in_reach(context: Context, layer: Object) -> bool:
    """Whether the update is the layer's own: one in a forward pass, as a codebook makes, is for the parts of that network."""
    inner = (a.receiver for a in reversed(context.stack) if a.function.name == "forward" and is_module(a.receiver))
    network = next(inner, None)
    return network is None or contains(network, layer)


def _is_cared_for(program: Program, layer: Object) -> bool:
    """Whether the program deals with the layer's parameters in some other way."""
    if is_frozen(program, layer) or _is_unregistered(program, layer) or _gives_way(program, layer):
        return True
    for call in _caring(program):
        module = call.receiver if isinstance(call.receiver, (Instance, Object)) else owner_of(call.receiver)
        if is_module(module) and id(layer) in held_by(module).owners:
            return True
    return False


_CARES = frozenset({"eval", "load_state_dict", "requires_grad_", "parameters", "named_parameters", "state_dict"})


@per_program
def _caring(program: Program) -> list[Call]:
    """The calls that may leave parameters out of training, move them by hand or put others in their place."""
    trained = {id(c.receiver) for c in program.method_calls("train") if c.args != (False,)}
    looking = _looking(program)
    asked = (c for c in program.method_calls(*_CARES) if id(c.site.node) not in looking)
    return [c for c in asked if c.method != "eval" or id(c.receiver) not in trained]


def _looking(program: Program) -> set[int]:
    """What stands in calls that clip, count or save what a model holds: that leaves nothing out of training."""
    clipping = (c for c in program.calls if c.name.startswith("torch.nn.utils.clip_grad") or c.name == "torch.save")
    found = {id(n) for call in clipping for n in walk(call.site.node)}
    for unit in program.files:
        counting = (c for c in every(ast.Call, unit.tree) if last_name(c.func) == "sum" and _counts(c))
        found.update(id(n) for call in counting for n in walk(call))
    return found


def _counts(call: ast.Call) -> bool:
    """Whether numbers of elements are summed: `sum(p.numel() for p in model.parameters())`."""
    return any(n.attr in {"numel", "nelement"} for n in every(ast.Attribute, call))


def _gives_way(program: Program, layer: Object) -> bool:
    """Whether the same statement puts another layer in its place later, as a head that is made anew for each evaluation."""
    own = [s for s in program.stores if s.value is layer]
    return any(
        later.order > store.order and later.site.node is store.site.node
        for store in own
        for later in program.stores_to(store.target, store.name)
    )


_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod", "property", "typing.override", "override"})


def _is_kept_by_decorator(program: Program, layer: Object) -> bool:
    """Whether a function made the layer whose decorator may have stored it: `@singleton("projector")`."""
    stacks = (c.context.stack for c in program.calls if c.result is layer)
    return any(not _PLAIN_DECORATORS.issuperset(a.function.decorators) for stack in stacks for a in stack)


def _is_unregistered(program: Program, layer: Object) -> bool:
    # A layer in a plain list is another fault, and has a rule of its own.
    lists = [v.items for n in program.networks for v in n.attrs.values() if isinstance(v, ListValue)]
    return any(contains(item, layer) for items in lists for item in items)


def replaced_parameters(program: Program) -> Iterator[Replaced]:
    """Modules and parameters that were assigned over what an optimiser holds, and that it goes on stepping without."""
    born = {id(c.result): c.order for c in program.calls if isinstance(c.result, Object)}
    for optimizer in optimizers(program):
        built = born.get(id(optimizer))
        held = held_by(optimizer)
        steps = [a.order for a in actions(program) if a.kind is Kind.STEP and a.of is optimizer]
        if built is None or not held.known or not steps:
            continue
        for store in program.stores:
            late = built < store.order < steps[-1] and id(store.target) in held.owners and not store.context.guards
            if not (late and _is_trainable(store.value) and _had_before(program, store.target, store.name, built)):
                continue
            if any(s.value is store.value and s.order < built for s in program.stores):
                continue  # a second name of what the optimiser took
            if not _is_taken_later(program, store.value, store.order, born):
                yield Replaced(store.site, optimizer, store.name)


def _is_trainable(value: Value) -> bool:
    if isinstance(value, Sym):
        return value.op == "parameter" and value.attrs.get("requires_grad", True) is not False
    return is_module(value) and any(is_weighted(one) for one in each_module(value))


def _had_before(program: Program, target: Value, name: str, built: int) -> bool:
    if isinstance(target, Object) and name in {"weight", "bias"}:
        return True
    return any(store.order < built for store in program.stores_to(target, name))


def _is_taken_later(program: Program, value: Value, order: int, born: dict[int, int]) -> bool:
    later = [o for o in optimizers(program) if born.get(id(o), 0) > order]
    wanted = held_by(value).owners
    return any(not held_by(o).known or held_by(o).owners & wanted for o in later)


def frozen_whole(program: Program) -> Iterator[tuple[Site, Object]]:
    """Where everything that a stepping optimiser holds is taken out of training, for good, before its first step."""
    changes = [s for s in program.stores if s.name == "requires_grad"]
    switched = (c.receiver for c in program.method_calls("requires_grad_"))
    if any(s.value is not False for s in changes) or any(is_module(r) or owner_of(r) is not None for r in switched):
        return
    layers = {id(o): o for o in program.layers}
    for optimizer in optimizers(program):
        held = held_by(optimizer)
        steps = [a.order for a in actions(program) if a.kind is Kind.STEP and a.of is optimizer]
        weighted = [layers[i] for i in held.owners if i in layers and is_weighted(layers[i])]
        early = [s for s in changes if steps and s.order < steps[0] and not s.context.guards]
        if len(weighted) < 2 or not held.known:
            continue
        for store in early:
            owners = held_by(owner_of(store.target)).owners
            if all(id(layer) in owners for layer in weighted):
                yield store.site, optimizer
                break
