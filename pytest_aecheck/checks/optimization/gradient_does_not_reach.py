"""The loss leaves parameters without gradient although the forward pass uses them.

## What it does

Backpropagates the loss on three batches, with small steps between, and notes which parameters ever received a
non-zero gradient.

## Why is this bad?

A parameter that the loss does not reach keeps its random start for ever. The cause is a `detach`, a `no_grad`, a
rounding or an argmax without straight-through gradient on the only path, or a result that is computed and never used.

## How it decides

A parameter fails if a recorded torch call used it, and its gradient was missing or exactly zero on all batches.
So does one half of a layer whose output the program splits in two, where all units of the other half have a gradient and the
loss depends on a draw: without one, the scale of a posterior may well be left out.
Members of a list that take turns at random are tried until the chance of having missed one is below one in a
million.

The reconstruction is looked at by itself as well. A KL, or another term on the code, feeds the encoder and so hides a
`detach` between it and the decoder. A weight also fails if it acts on the input on the way to the reconstruction, by
floating numbers all along, and the reconstruction has no path of gradients back to it.

Terms of the loss are looked at as well: one that depends on input and weights through a comparison, a rounding or an
argmax alone (`(code > 0.5).float().mean()` for the activity of a sparse code) fails; one that was detached does not. So does a
summand that is a plain number, if it is what `item` or `float` read off a tensor with a gradient, times a factor of up to three digits.

## Exemptions

Frozen parameters; parameters that the declared training step trains by another loss (a critic that this one only asks), or will train once that
loss has a weight;
parameters that the forward never touches (they only make a warning elsewhere) or touches only
under `no_grad`; codebooks that the forward itself updates; layers that run on after a forward hook has taken the
feature out; biases alone (a bias before a batch norm has no effect); weights that meet nothing but zeros, such as the
input weights of a recurrent decoder that is given no input; weights that act on a term which its floor (free bits) holds at present.
From the reconstruction alone: weights that act only on other
weights (the projection of a codebook), or through an argmax or a draw (score-function estimators).

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017), section 3.2: <https://arxiv.org/abs/1711.00937>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations, Unavailable
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC406",
    name="gradient-does-not-reach",
    summary="the loss leaves used parameters without gradient",
    needs=("reach",),
    cost="4F 3B",
)

_SHOWN = 4


def judge(observations: Observations) -> Verdict:
    """Fail on used parameters that no batch reached, and on gradients that are not finite."""
    reach = observations.reach
    if not reach.loss_has_gradient:
        return CHECK.failed(
            "the loss has no gradient at all: it was detached, or computed under no_grad, or made from new tensors"
        )
    broken = [p for p in reach.parameters if p.status == "non-finite"]
    if broken:
        return CHECK.failed(
            f"gradients are infinite or NaN at {_listing([p.name for p in broken])}", parameters=len(broken)
        )
    lost = [
        p
        for p in reach.parameters
        if p.status in ("none", "zero")
        and p.used
        and not (p.moved_by_forward or p.after_hook or p.only_zeros or p.below_floor)
    ]
    weights = {p.name.rpartition(".")[0] for p in lost if not p.name.endswith("bias")}
    lost = [p for p in lost if p.status == "none" or p.name.rpartition(".")[0] in weights]
    if lost:
        others = _trained_by_other_losses(observations)
        lost = [p for p in lost if p.name not in others]
    if lost:
        kind = "no gradient" if lost[0].status == "none" else "a gradient of exactly 0"
        return CHECK.failed(
            f"{len(lost)} of {len(reach.parameters)} parameters took part in the forward pass but get {kind} from the loss on "
            f"{lost[0].tries} batches: {_listing([p.name for p in lost])}",
            where=lost[0].name.rpartition(".")[0],
            parameters=len(lost),
        )
    moved = {p.name for p in reach.parameters if p.moved_by_forward}
    cut = [name for name in reach.cut_from_reconstruction if name not in moved]
    if cut:
        return CHECK.failed(
            f"{len(cut)} of {len(reach.parameters)} parameters shape the reconstruction, but its gradient does not come back to them: "
            f"{_listing(cut)}. Only other terms of the loss train them. Look for a detach, .data or no_grad after them",
            where=cut[0].rpartition(".")[0],
            parameters=len(cut),
        )
    if reach.idle_halves:
        name, half = reach.idle_halves[0]
        layer = name.rpartition(".")[0] or name
        return CHECK.failed(
            f"the output of {layer} is split in two, and its {half} half gets a gradient of exactly 0 from the loss on every batch: "
            "what it should be (a log-variance, a gate) is computed and then replaced or left out",
            where=layer,
        )
    if reach.plain_number is not None:
        number, factor = reach.plain_number.value, reach.plain_number.factor
        return CHECK.failed(
            f"the loss adds the plain number {number:.4g}, {factor:g} times what was read off a tensor that has a gradient (`item`, `float`): "
            "its value counts, and nothing is trained by it. Add the tensor itself"
        )
    if reach.counted_term:
        return CHECK.failed(
            f"a term of the loss depends on the network through `{reach.counted_term}` alone, whose derivative is zero: its value "
            "changes in steps, and nothing is trained by it. Measure the same with something that has a slope"
        )
    return CHECK.passed(parameters=len(reach.parameters))


def _trained_by_other_losses(observations: Observations) -> frozenset[str]:
    """Parameters that the declared training step trains: those of a critic, which the declared loss only asks."""
    try:
        return frozenset((*observations.step.trained, *observations.step.waiting))
    except Unavailable:
        return frozenset()


def _listing(parameters: list[str]) -> str:
    names = ", ".join(parameters[:_SHOWN])
    more = len(parameters) - _SHOWN
    return f"{names} and {more} more" if more > 0 else names
