"""Which weights shape the reconstruction without ever hearing back from it.

Autograd alone cannot tell: a cut leaves no trace in its graph. The record of calls can: it follows values through a
`detach`, and so knows which weights the reconstruction was computed with.
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.runs import Run, graph_leaves
from pytest_aecheck.probes.sites import find_sites
from pytest_aecheck.probes.trace import Call, Flow, Value
from pytest_aecheck.probes.vocabulary import RANDOM, SHAPE_ONLY, TAKES_SHAPE_FROM_SECOND, VIEWS

__all__ = ["cut_from_reconstruction"]


def cut_from_reconstruction(run: Run, model: Any) -> tuple[str, ...]:
    """Weights that act on the input on its way to the reconstruction, whose gradient does not come back to them.

    Only floating values count as a way: what an argmax or a rounding to integers decides has no gradient to lose. Where a
    latent is drawn, only what makes its mean and scale is looked at: a network that guides the draw in another way (the
    metric of a Riemannian flow) may well be trained by another term.
    """
    predictions = _predictions(run)
    if not predictions:
        return ()
    acting = _acting(run, predictions)
    heads = [value for site in find_sites(run.trace) for value in (site.mean, site.scale)]
    if heads:
        acting &= _acting(run, heads)
    candidates = {
        name: p
        for name, p in model.named_parameters()
        if p.requires_grad and p.dim() > 1 and id(run.trace.current.get(id(p))) in acting
    }
    if not candidates:
        return ()
    reached = {id(leaf) for prediction in predictions for leaf in graph_leaves(prediction.tensor)}
    return tuple(name for name, parameter in candidates.items() if id(parameter) not in reached)


def _predictions(run: Run) -> list[Value]:
    """The reconstruction, and whatever else the loss compares with the data."""
    found = [prediction for prediction, target in comparisons(run) if _is_data(target)]
    x_hat = run.maybe_reconstruction()
    if x_hat is not None:
        found.append(x_hat)
    unique = {id(value): value for value in found if value.tensor.requires_grad}
    return list(unique.values())


def _is_data(target: Value) -> bool:
    return Flow.INPUT in target.flow and Flow.PARAMETER not in target.flow


def _acting(run: Run, predictions: list[Value]) -> set[int]:
    """`id` of every value that meets the input, with gradients on, in a call on the way to a prediction."""
    informed = _informed(run)
    acting: set[int] = set()
    seen: set[int] = set()
    stack = list(predictions)
    while stack:
        call = stack.pop().producer
        if call is None or call.index in seen:
            continue
        seen.add(call.index)
        sources = _sources(call)
        stack.extend(value for value in sources if value.tensor.is_floating_point())
        if call.grad and any(id(value) in informed for value in sources):
            acting.update(id(value) for value in sources if id(value) not in informed)
    return acting


def _informed(run: Run) -> set[int]:
    """`id` of the values that the input reaches through floating numbers alone."""
    informed: set[int] = set()
    for call in run.trace.calls:
        sources = _sources(call)
        informed.update(id(value) for value in sources if value.producer is None and Flow.INPUT in value.flow)
        known = [value for value in sources if id(value) in informed]
        # tokens stay tokens when they are moved; what is rounded to an integer is no number any more
        still = call.name in VIEWS and any(not value.tensor.is_floating_point() for value in known)
        if known:
            informed.update(id(value) for value in call.outputs if value.tensor.is_floating_point() or still)
    return informed


def _sources(call: Call) -> tuple[Value, ...]:
    """The values, not merely the shapes, from which a call computes."""
    if call.name in RANDOM or call.name in SHAPE_ONLY:
        return ()
    return call.inputs[:1] if call.name in TAKES_SHAPE_FROM_SECOND else call.inputs
