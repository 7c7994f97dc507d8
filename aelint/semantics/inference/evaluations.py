"""Metrics that are added up over the batches of a loader, and that do not depend on these batches or on the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import looped_loaders
from aelint.semantics.dataflow.lineage import ancestors, depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Call, Loop, Store
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.inference.divisors import loaders_behind
from aelint.semantics.inference.stale_results import stale_results
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.objective.losses import LOSSES
from aelint.syntax.walk import holds

__all__ = [
    "Unjudged",
    "codes_compared",
    "exchanged_scores",
    "losses_without_the_model",
    "metrics_of_another_loop",
]

_OPAQUE = frozenset({"call", "param", "phi", "name"})


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """A metric of a loop over batches; `source` is what it was computed from instead."""

    site: Site
    source: Site | None
    loop: Site


def metrics_of_another_loop(program: Program) -> Iterator[Unjudged]:
    """Sums over the batches of one loader to which each round adds what the last batch of another gave."""
    for event in program.assignments:
        added = _addend(event)
        if added is None or not event.context.loops:
            continue
        around = [one for loop in event.context.loops for one in looped_loaders(loop)]
        innermost = looped_loaders(event.context.loops[-1])
        found = loaders_behind(added)
        if innermost and found and not any(one is other for one in found for other in around):
            stale = next(one for one in ancestors(added) if one.op == "batch")
            if stale.site is not None and holds(event.context.loops[-1].node, stale.site.node):
                continue  # `next(batches)` in the body draws another batch in each round
            if any(holds(event.context.loops[-1].node, one.thrown.node) for one in stale_results(program)):
                continue  # told where the result of this loop is thrown away
            yield Unjudged(event.site, stale.site, Site(event.site.unit, event.context.loops[-1].node))


def _addend(event: Binding | Store) -> Sym | None:
    """What `total += loss` adds, where the variable was there before."""
    match event.value:
        case Sym(op="add", inputs=(before, Sym() as added), site=Site(node=ast.AugAssign())):
            started = isinstance(before, (int, float)) or (isinstance(before, Sym) and before.op in {"add", "phi"})
            return added if started and any(one.op in LOSSES | {"mean", "sum"} for one in ancestors(added)) else None
        case _:
            return None


def losses_without_the_model(program: Program) -> Iterator[Unjudged]:
    """Losses of an evaluation, all of whose operands are data, in a loop that never calls the model."""
    switched = [c for c in program.method_calls("eval") if isinstance(c.receiver, Instance) and is_module(c.receiver)]
    for call in program.calls:
        if call.name not in LOSSES or not call.context.loops or not isinstance(call.result, Sym):
            continue
        loop = call.context.loops[-1]
        operands = [v for v in (*call.args, *call.kwargs.values()) if isinstance(v, Sym)]
        model = next((c for c in switched if _is_around(c, call)), None)
        if model is None or len(operands) < 2 or not all(_is_data(o) for o in operands) or operands[0] is operands[1]:
            continue
        if not any(_applies(c, loop) for c in program.calls):
            yield Unjudged(call.site, model.site, Site(call.site.unit, loop.node))


def _is_around(switch: Call, call: Call) -> bool:
    same = switch.context.function is call.context.function and switch.context.stack[-1:] == call.context.stack[-1:]
    outside = switch.context.loops == call.context.loops[: len(switch.context.loops)]
    return same and outside and switch.order < call.order and len(switch.context.loops) < len(call.context.loops)


def _is_data(value: Sym) -> bool:
    line = list(ancestors(value))
    known = all(one.layer is None and one.op not in _OPAQUE and one.op != "parameter" for one in line)
    return known and any(one.op == "batch" for one in line)


def _applies(call: Call, loop: Loop) -> bool:
    inside = any(one is loop for one in call.context.loops)
    return inside and call.name not in LOSSES and (call.name in {"network", "sequential"} or is_module(call.receiver))


_RANKINGS = frozenset({"roc_auc_score", "average_precision_score", "roc_curve", "precision_recall_curve"})


def exchanged_scores(program: Program) -> Iterator[Call]:
    """Rankings of scikit-learn whose first argument, the labels, was computed by a network, and whose second was not."""
    for call in program.calls:
        package, _, function = call.name.rpartition(".")
        if function not in _RANKINGS or not package.startswith("sklearn.") or len(call.args) < 2:
            continue
        labels, scores = call.args[:2]
        if _is_modelled(labels) and isinstance(scores, Sym) and not _is_modelled(scores) and not _is_opaque(scores):
            yield call


def _is_modelled(value: Value) -> bool:
    return any(one.layer is not None for one in ancestors(value))


def _is_opaque(value: Sym) -> bool:
    # What code out of sight gives may hold scores as well.
    return any(one.op in {"call", "param"} and one.tensor is not True for one in ancestors(value))


def codes_compared(program: Program) -> Iterator[Call]:
    """Losses of an evaluation between a network's output and what another network made of it, where training uses data."""
    trained = [c for c in program.calls if c.name in LOSSES and not c.context.no_grad]
    learned = {_last_layer(o) for c in trained for o in _to_data(c)}
    shared = {c.site.node for c in trained}  # what training computes, too, is no other measure
    for call in program.calls:
        operands = [v for v in (*call.args, *call.kwargs.values()) if isinstance(v, Sym)]
        if call.name not in LOSSES or not call.context.no_grad or len(operands) != 2 or call.site.node in shared:
            continue
        for code, output in (operands, operands[::-1]):
            first, last = _last_layer(code), _last_layer(output)
            made = first is not None and last in learned and last != first and depends_on(output, code)
            if _is_looked_up(output):
                continue  # the error of a codebook, not of a decoder
            if made and code is not output and last is not None:
                yield call
                break


def _to_data(call: Call) -> Iterator[Sym]:
    """The operand of a loss that layers computed, where the other is data."""
    operands = [v for v in (*call.args, *call.kwargs.values()) if isinstance(v, Sym)]
    if len(operands) == 2:
        modelled = [o for o in operands if _is_modelled(o)]
        if len(modelled) == 1:
            yield modelled[0]


def _last_layer(value: Sym) -> int | None:
    return next((id(one.layer) for one in _layered(value)), None)


def _is_looked_up(value: Sym) -> bool:
    return next((one.op == "embedding" for one in _layered(value)), False)


def _layered(value: Sym) -> Iterator[Sym]:
    return (one for one in ancestors(value) if one.layer is not None)
