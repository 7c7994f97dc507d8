"""Training and evaluation mode over time: in which mode each layer runs that behaves differently in the two."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Context
from aelint.semantics.domain.values import Function, Instance, Object, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import contains, submodules
from aelint.semantics.latent.posteriors import noise_of
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.optimization.gradients import Update, updates
from aelint.semantics.optimization.no_grad import switched_off_at
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.walk import walk

__all__ = [
    "LeftInEval",
    "ScoredInTrain",
    "has_two_modes",
    "is_generator",
    "is_on_purpose",
    "left_in_eval",
    "outermost",
    "scored_in_train",
    "thawed",
]

_TWO_MODES = (
    "torch.nn.BatchNorm",
    "torch.nn.SyncBatchNorm",
    "torch.nn.Dropout",
    "torch.nn.AlphaDropout",
    "torch.nn.FeatureAlpha",
)
_ON_PURPOSE = ("dropout", "uncertain", "mc_", "monte", "calibrat", "stat", "bn", "warm", "recompute")


@dataclass(frozen=True, slots=True, eq=False)
class LeftInEval:
    """A layer that is trained in training mode first and in evaluation mode later: `switch` did it."""

    layer: Object
    switch: Call
    site: Site
    """The switch, or the call in the training loop that leads to it."""
    update: Update


@dataclass(frozen=True, slots=True, eq=False)
class ScoredInTrain:
    """A network that was trained and is applied without gradients while still in training mode."""

    call: Call
    layer: Object
    without_gradients: Site
    """What switches the gradients off, or what comes first under a decorator that does: evaluation mode belongs there, too."""
    undoing: Call | None = None
    """The `train()` that undoes the `eval()` before anything has run in it."""

    @property
    def site(self) -> Site:
        """The call right behind the switch that leads to the network."""
        switch = self.without_gradients
        leading = [*(a.site for a in self.call.context.stack if a.site is not None), self.call.site]
        behind = (one for one in leading if one.unit is switch.unit and one.unit_row >= switch.unit_row)
        return min(behind, key=lambda one: one.unit_row, default=switch)


def has_two_modes(layer: Value) -> bool:
    """Whether the layer computes something else in evaluation mode."""
    if not isinstance(layer, Object) or not layer.name.startswith(_TWO_MODES):
        return False
    return not (layer.name.startswith("torch.nn.Dropout") and layer.bound.get("p") == 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Applied:
    layer: Object
    call: Call
    training: bool | None
    switch: Call | None


@per_program
def _timeline(program: Program) -> dict[int, _Applied]:
    """For every result of a layer with two modes (by the identity of the tensor): the mode it ran in."""
    mode: dict[int, tuple[bool | None, Call | None]] = {}
    applied: dict[int, _Applied] = {}
    switches = [c for c in program.method_calls("train", "eval") if is_module(c.receiver)]
    for call in program.calls:
        if call.method in {"train", "eval"} and is_module(call.receiver):
            training = _wanted(call) if not _is_one_of_two_arms(call, switches) else None
            # A part that a branch exchanged or wrapped is still below the module that it was assigned to.
            for owner in held_by(call.receiver).owners:
                mode[owner] = (training, call)
        elif isinstance(call.receiver, Object) and has_two_modes(call.receiver):
            training, switch = mode.get(id(call.receiver), (True, None))
            for result in syms_in(call.result):
                applied[result.id] = _Applied(call.receiver, call, training, switch)
    return applied


def _wanted(call: Call) -> bool | None:
    if call.method == "eval":
        return False
    given = call.args[0] if call.args else call.kwargs.get("mode", True)
    return given if isinstance(given, bool) else None


def _is_one_of_two_arms(call: Call, switches: list[Call]) -> bool:
    # `if training: net.train()` `else: net.eval()`: which of them ran is unknown.
    mine = {(id(g.test), g.taken) for g in call.context.guards}
    return any((id(g.test), not g.taken) in mine for s in switches for g in s.context.guards)


def _trained_with(program: Program, update: Update) -> list[_Applied]:
    applied = _timeline(program)
    found: list[_Applied] = []
    pending, seen = syms_in(update.backward.of), set[int]()
    while pending:
        value = pending.pop()
        if value.id in seen:
            continue
        seen.add(value.id)
        if value.id in applied and not applied[value.id].call.context.no_grad:
            found.append(applied[value.id])
        if value.op != "detach":
            pending.extend(s for i in value.inputs for s in syms_in(i))
    return found


def left_in_eval(program: Program) -> Iterator[LeftInEval]:
    """Layers that an `eval()` in the loop leaves in evaluation mode for the training steps behind it."""
    before: set[tuple[int, int]] = set()
    for update in updates(program):
        for used in _trained_with(program, update):
            key = (id(used.layer), id(update.backward.event.site.node))
            if used.training is True:
                before.add(key)
            held = any(id(used.layer) in s.held.owners for s in update.steps if s.held.known)
            if used.training is False and used.switch is not None and held and key in before:
                yield LeftInEval(used.layer, used.switch, _leading_to(used.switch, update.backward.context), update)


def _leading_to(switch: Call, training: Context) -> Site:
    stack = switch.context.stack
    common = 0
    while common < min(len(stack), len(training.stack)) and stack[common] is training.stack[common]:
        common += 1
    shared = sum(1 for a, b in zip(switch.context.loops, training.loops, strict=False) if a.node is b.node)
    in_batch_loop = shared == len(training.loops)
    if in_batch_loop and common < len(stack) and (site := stack[common].site) is not None:
        return site
    return switch.site


def scored_in_train(program: Program) -> Iterator[ScoredInTrain]:
    """Networks applied under `no_grad` after training, without `eval()`."""
    trained: dict[int, list[Action]] = {}
    for update in updates(program):
        for used in _trained_with(program, update):
            trained.setdefault(id(used.layer), []).append(update.backward)
    for used in _timeline(program).values():
        if used.training is not True or not used.call.context.no_grad or id(used.layer) not in trained:
            continue
        call = outermost(_without_gradients(program), used.call)
        if not (call.context.stack or call.context.loops):
            continue  # a last look at the end of a script
        before = [a for a in trained[id(used.layer)] if a.order < call.order and _in_one_run(call, a)]
        last = max((_last_round(program, a, call) for a in before), default=call.order)
        chosen = used.switch if used.switch is not None and used.switch.order > last else None
        undoing = chosen if chosen is not None and _undoes_evaluation(program, chosen, last) else None
        excused = is_on_purpose(call) or _is_part_of_training(program, call) or is_generator(program, call.receiver)
        if before and chosen is undoing and not excused:
            yield ScoredInTrain(call, used.layer, _place_of_a_switch(call), undoing)


def _last_round(program: Program, training: Action, call: Call) -> int:
    """When the training ran last before the call; of a loop with many rounds its actions show the first ones only."""
    node = training.event.site.node
    again = program.method_calls(training.event.method) if isinstance(training.event, Call) else []
    return max((c.order for c in again if c.site.node is node and c.order < call.order), default=training.order)


def _undoes_evaluation(program: Program, switch: Call, trained: int) -> bool:
    """Whether a `train()` without gradients follows an `eval()` of the same model, and nothing ran between the two."""
    if not switch.context.no_grad:
        return False
    put = [
        c for c in program.method_calls("eval") if c.receiver is switch.receiver and trained < c.order < switch.order
    ]
    same = [c for c in put if c.context.guards == switch.context.guards[: len(c.context.guards)]]
    if not same:
        return False
    between = [c for c in program.calls if same[-1].order < c.order < switch.order]
    ran = {id(u.call) for u in _timeline(program).values()}
    return not any(id(c) in ran or switch.receiver in (c.callee, *c.args, *c.kwargs.values()) for c in between)


def _place_of_a_switch(call: Call) -> Site:
    """Where `eval()` can be written: at the block without gradients, or at the start of the function that is decorated so."""
    off = switched_off_at(call)
    for activation in call.context.stack:
        match activation.function.node:
            case ast.FunctionDef(decorator_list=decorators, body=body) if any(d is off.node for d in decorators):
                first = body[1] if ast.get_docstring(activation.function.node) is not None and body[1:] else body[0]
                return Site(off.unit, first) if isinstance(first, (ast.Assign, ast.AnnAssign, ast.Expr)) else off
            case _:
                pass
    return off


def _in_one_run(call: Call, training: Action) -> bool:
    """Whether what ran the training ran the call, too: who calls a function that nobody calls here may set the mode."""
    return call.context.is_run or call.context.stack[:1] == training.context.stack[:1]


def outermost(calls: Sequence[Call], inner: Call) -> Call:
    """The outermost of the given calls of networks and containers that led to a layer's call; that one if none did."""
    depth = len(inner.context.stack)
    outer: Call | None = None
    for call in reversed(calls):
        stack = call.context.stack
        if call.order > inner.order or len(stack) > depth:
            continue
        leads = all(a is b for a, b in zip(stack, inner.context.stack, strict=False))
        if leads and contains(call.receiver, inner.receiver):
            if outer is None or len(stack) < len(outer.context.stack) or contains(call.receiver, outer.receiver):
                outer = call
            if not stack:
                break
    return outer or inner


@per_program
def _without_gradients(program: Program) -> list[Call]:
    return [c for c in program.calls_to("network", "sequential") if c.context.no_grad]


def is_generator(program: Program, network: Value) -> bool:
    """Whether the network only ever receives noise: what a GAN makes is shown as its critic sees it, in training mode."""
    given = [c.args[0] if c.args else None for c in program.calls_to("network", "sequential") if c.receiver is network]
    drawn = [noise_of(value) for value in given]
    if not drawn or None in drawn:
        return False
    # Random numbers that an output is compared with stand for data.
    compared = {id(i) for node in graph.nodes_of(program, "sub", *LOSSES) for i in node.inputs}
    return not any(id(value) in compared for value in (*given, *drawn))


def is_on_purpose(call: Call) -> bool:
    """Whether a function around says that it wants the layers of training: for uncertainty, or for statistics."""
    names = [a.function.name.lower() for a in call.context.stack]
    return any(word in name for name in names for word in _ON_PURPOSE)


def _is_part_of_training(program: Program, call: Call) -> bool:
    """Whether a backward pass follows in the same round of the innermost loop that both are in."""
    for action in actions(program):
        if action.kind is not Kind.BACKWARD or action.order < call.order:
            continue
        common = [(a, b) for a, b in zip(call.context.loops, action.context.loops, strict=False) if a.node is b.node]
        if any(a is b for a, b in common):
            return True
        # What follows in the next round of a loop around both is another step.
        if not common and action.context.stack[-1:] == call.context.stack[-1:]:
            return True
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Thawed:
    """A frozen part that was put into evaluation mode once, and the `train()` of the whole that undoes it."""

    switch: Call
    frozen: Call
    layer: Object


def thawed(program: Program) -> Iterator[Thawed]:
    """Batch norms of a part without gradients that a later `train()` in a loop sets back to training mode."""
    switches = [c for c in program.method_calls("train", "eval") if is_module(c.receiver)]
    used = {id(u.layer): u for u in _timeline(program).values() if u.training is True and not u.call.context.no_grad}
    for frozen in (c for c in switches if c.method == "eval" and not c.context.loops and _freezes(c)):
        inside = {id(one): one for _, one in submodules(frozen.receiver)}
        for switch in (c for c in switches if c.order > frozen.order and c.context.loops and _wanted(c) is True):
            whole = [one for _, one in submodules(switch.receiver)]
            if switch.receiver is frozen.receiver or not any(one is frozen.receiver for one in whole):
                continue
            layer = next((o for k, o in inside.items() if k in used and used[k].switch is switch), None)
            if isinstance(layer, Object) and "BatchNorm" in layer.name and not any(map(_has_own_train, whole)):
                yield Thawed(switch, frozen, layer)
                break


def _has_own_train(module: Value) -> bool:
    return isinstance(module, Instance) and isinstance(module.cls.find("train"), Function)


def _freezes(switch: Call) -> bool:
    """Whether the function that switches to evaluation mode also takes gradients away."""
    function = switch.context.function
    for node in walk(function.node if function is not None else switch.site.unit.tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr="requires_grad")], value=ast.Constant(value=False)):
                return True
            case ast.Call(func=ast.Attribute(attr="requires_grad_"), args=[ast.Constant(value=False)]):
                return True
    return False
