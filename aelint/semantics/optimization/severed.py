"""Parts of a model that are trained by an optimiser and that no gradient of any loss reaches."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.optimization.gradients import Reach, Update, is_flat, reach_of, terms, untracked, updates
from aelint.semantics.optimization.initialization import is_frozen, is_weighted
from aelint.semantics.optimization.no_grad import switched_off_at
from aelint.semantics.optimization.parameters import held_by, owner_of, weight_of
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

__all__ = ["Severed", "idle_optimizers", "severed_parts", "severed_terms", "switched_off"]

_KEPT_ELSEWHERE = ("target", "ema", "teacher", "momentum", "frozen", "pretrained")


@dataclass(frozen=True, slots=True, eq=False)
class Severed:
    """Layers behind a cut, the step that should train them, and the backward pass that does not reach them."""

    cut: Sym
    layers: tuple[Object, ...]
    update: Update
    step: Action


def severed_parts(program: Program) -> Iterator[Severed]:
    """Layers in an optimiser that losses depend on through cuts alone."""
    known = [(u, reach_of(program)(u.backward.of)) for u in updates(program)]
    if any(r.everything for _, r in known):
        return
    live = frozenset[int]().union(*(r.live for _, r in known))
    layers = {id(o): o for o in program.layers}
    for update, reached in known:
        for step in _steps(program, update):
            for cut, behind in _by_cut(reached, step, layers, live):
                if not any(_is_kept_elsewhere(program, layer) for layer in behind):
                    yield Severed(cut, tuple(behind), update, step)


def idle_optimizers(program: Program) -> Iterator[Severed]:
    """Optimisers for layers that losses depend on, but that only run where no graph is recorded.

    One that holds what is trained, too, may well hold a part that somebody means to keep as others trained it.
    """
    cuts = untracked(program)
    known = [(u, reach_of(program)(u.backward.of, cuts)) for u in (updates(program) if cuts else ())]
    if any(r.everything for _, r in known):
        return
    live = frozenset[int]().union(*(r.live for _, r in known))
    layers = {id(o): o for o in program.layers}
    # A function that trains a network of its own may be called once more where no graph is recorded, for a case that
    # does not come to pass: where the files that it writes are missing, say.
    at_work = {s.event.site.node for u, r in known for s in u.steps if s.held.owners & r.live}
    for update, reached in known:
        for step in _steps(program, update):
            shared = bool(step.held.owners & live)
            if not shared and step.event.site.node in at_work:
                continue
            for cut, behind in _by_cut(reached, step, layers, live):
                if cut.id not in cuts or any(_is_kept_elsewhere(program, layer) for layer in behind):
                    continue
                if not (shared and _takes_over_weights(program)):
                    yield Severed(cut, tuple(behind), update, step)


def _steps(program: Program, update: Update) -> Iterator[Action]:
    """The steps of an update whose parameters are known, and get their gradients from backward passes alone."""
    by_hand = [action for action in actions(program) if action.kind is Kind.WRITE]
    return (s for s in update.steps if s.held.known and not any(write.touches(s) for write in by_hand))


@per_program
def _takes_over_weights(program: Program) -> bool:
    """Whether any file may read weights that were trained before, whoever they are for."""
    names = (last_name(call.func).lower() for unit in program.files for call in every(ast.Call, unit.tree))
    reads = any("load" in name and "loader" not in name for name in names)
    return reads or any("pretrained" in unit.text.lower() for unit in program.files)


def severed_terms(program: Program) -> Iterator[Severed]:
    """Terms of a loss that reach no parameter of any step behind it, and would but for a cut."""
    layers = {id(o): o for o in program.layers}
    for update in updates(program):
        if not all(s.held.known for s in update.steps):
            continue
        parts = terms(update.backward.of)
        for term in parts if len(parts) > 1 else ():
            reached = reach_of(program)(term, untracked(program))
            learning = {o for o in reached.live if o not in layers or not _stays_frozen(program, layers[o])}
            trained = any(learning & s.held.owners for s in update.steps)
            unlearnt = reached.live or _is_count(reached) or _is_error_of_detached(term, parts, untracked(program))
            if reached.everything or trained or not unlearnt:
                continue
            for step in update.steps:
                for cut, behind in _by_cut(reached, step, layers, frozenset()):
                    yield Severed(cut, tuple(behind), update, step)


def _is_count(reached: Reach) -> bool:
    """Whether a term without a gradient counts or chooses, and nothing else: its value changes in steps."""
    return all(is_flat(cut) for cut in reached.severed.values())


def _stays_frozen(program: Program, layer: Object) -> bool:
    """Whether the layer is taken out of training, and nothing ever puts a layer back."""
    thawed = any(s.name == "requires_grad" and s.value is not False for s in program.stores) or any(
        c.method == "requires_grad_" and False not in (*c.args, *c.kwargs.values()) for c in program.calls
    )
    return not thawed and is_frozen(program, layer)


def _is_error_of_detached(term: Sym, others: list[Sym], cuts: frozenset[int]) -> bool:
    """Whether a term measures what left the graph, or is a measure as a number, as no one adds it for its size.

    `loss - loss.item() + wanted` is a trick: the measure stands in the sum, too.
    """
    inner = _averaged(term)
    return _is_measure(inner, cuts) and not any(inner is one for one in others if one is not term)


def _averaged(value: Value) -> Value:
    while isinstance(value, Sym) and (value.op in _AVERAGES or (value.op == "item" and "index" not in value.attrs)):
        value = value.inputs[0] if value.inputs else None
    return value


def _is_measure(value: Value, cuts: frozenset[int]) -> bool:
    """Whether a value is a measure, or several of them that were put together to be averaged."""
    match value:
        case Sym(op="stack" | "cat", inputs=parts):
            return bool(parts) and all(_is_measure(_averaged(one), cuts) for one in parts)
        case Sym(op=op):
            return op in _MEASURES and value.id not in cuts
        case _:
            return False


_AVERAGES = RESHAPES | {"mean", "sum", "neg", "item_value"}
_MEASURES = LOSSES | {"pow", "square", "abs", "log", "softplus", "logsigmoid", "relu"}


def switched_off(program: Program, cut: Sym) -> Site | None:
    """Where the program switched off recording for what made a tensor; None where it did not."""
    if cut.id not in untracked(program):
        return None
    return next((switched_off_at(c) for c in program.calls if c.result is cut and c.context.no_grad), None)


def _by_cut(
    reached: Reach, step: Action, layers: dict[int, Object], live: frozenset[int]
) -> list[tuple[Sym, list[Object]]]:
    found: dict[int, tuple[Sym, list[Object]]] = {}
    for owner, cut in reached.severed.items():
        layer = layers.get(owner)
        if layer is not None and is_weighted(layer) and owner in step.held.owners and owner not in live:
            found.setdefault(cut.id, (cut, []))[1].append(layer)
    return list(found.values())


def _is_kept_elsewhere(program: Program, layer: Object) -> bool:
    if is_frozen(program, layer) or _is_named_for_it(program, layer):
        return True
    changed = [
        c.receiver
        for c in program.calls
        if c.method in {"copy_", "lerp_", "mul_", "load_state_dict", "eval", "requires_grad_"}
    ]
    changed += [s.target for s in program.stores if s.name == "data"]
    for target in changed:
        weight, owner = weight_of(target), owner_of(target)
        if weight is not None and weight.layer is layer:
            return True
        module = owner if owner is not None else target
        if not isinstance(module, Sym) and id(layer) in held_by(module).owners and not _is_whole_model(program, module):
            return True
    return False


def _is_whole_model(program: Program, module: object) -> bool:
    # `model.eval()` concerns everything: it says nothing about one part.
    return any(module is n for n in program.networks) and not any(module in n.attrs.values() for n in program.networks)


def _is_named_for_it(program: Program, layer: Object) -> bool:
    for network in program.networks:
        for name, child in network.attrs.items():
            if any(word in name.lower() for word in _KEPT_ELSEWHERE) and id(layer) in held_by(child).owners:
                return True
    return False
