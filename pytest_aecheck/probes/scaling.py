"""How the terms of the loss grow with the batch.

A batch of k copies leaves the gradient at one sample's input as it was where a term is summed over the batch, and
divides it by k where the term is averaged. So over copies the gradient is exactly `A/k + B`: two batches give the
averaged part A and the summed part B; where both are there, a third confirms that there are no others. Terms that do not read the input,
such as a weight penalty, drop out.
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.batches import can_be_rebuilt, substituted
from pytest_aecheck.observations import Scaling, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.lineage import ancestors
from pytest_aecheck.probes.runs import Run, record, zeros
from pytest_aecheck.probes.vocabulary import NORMAL, RANDOM

__all__ = ["observe_scaling"]

_SAMPLES = 2
_NOTHING = 1e-3
"""Share of the gradient below which a part is not there."""


def observe_scaling(bench: Bench) -> Scaling:
    """Gradient at the input for one and two copies of two samples, and four where it matters, in evaluation mode without noise."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    if not bench.scales_with_n:
        raise Unavailable("batch(n, seed) does not give n samples")
    batch = bench.batch(_SAMPLES, 0)
    if not bench.primary(batch).is_floating_point():
        raise Unavailable("the input is not of floating point")
    (g1, one), (g2, two) = (_gradient(bench, batch, copies) for copies in (1, 2))
    size = float(g1.norm())
    if not size or not all(bool(torch.isfinite(g).all()) for g in (g1, g2)):
        raise Unavailable("the loss has no finite gradient at the input")
    averaged, summed = 2 * (g1 - g2), 2 * g2 - g1
    shares = float(averaged.norm()) / size, float(summed.norm()) / size
    residual = 0.0
    if min(shares) > _NOTHING:
        g4, _ = _gradient(bench, batch, 4)
        residual = float((averaged / 4 + summed - g4).norm()) / size
    return Scaling(
        averaged=shares[0],
        summed=shares[1],
        residual=residual,
        divided_by_constant=bool(_factors(one) & _factors(two)),
    )


def _gradient(bench: Bench, batch: Any, copies: int) -> tuple[Any, Run]:
    axis, n = bench.batch_axis, bench.primary(batch).shape[bench.batch_axis]
    if not can_be_rebuilt(batch):
        raise Unavailable(f"nobody knows how to repeat the samples of a {type(batch).__name__}")
    repeated = torch.utils._pytree.tree_map(lambda item: _copied(item, n, axis, copies), batch)  # noqa: SLF001 - no public tree map
    x = bench.primary(repeated)
    leaf = x.detach().clone().requires_grad_()
    fed = substituted(repeated, x, leaf)
    with bench.ready(training=False) as model:
        run = record(bench, model, fed, seed=bench.spec.seed, noise=zeros)
        chance = next((call.name for call in run.trace.calls if call.name in RANDOM - NORMAL), None)
        if chance is not None:
            raise Unavailable(f"the loss draws by {chance}, so that copies of a batch differ")
        if not run.loss.requires_grad:
            raise Unavailable("the loss has no gradient")
        (gradient,) = torch.autograd.grad(run.loss, leaf, allow_unused=True)
    if gradient is None:
        raise Unavailable("the loss does not depend on the input")
    return gradient.narrow(axis, 0, n).double(), run


def _copied(item: Any, n: int, axis: int, copies: int) -> Any:
    if not isinstance(item, torch.Tensor) or not item.dim():
        return item
    along = axis if item.dim() > axis and item.shape[axis] == n else 0
    return torch.cat([item] * copies, along) if item.shape[along] == n else item


def _factors(run: Run) -> set[tuple[int, float]]:
    """(call, number) where a scalar of the loss is made smaller by a number; the batch's own size changes with it."""
    relevant = ancestors(run.trace.value(run.loss))
    return {
        (call.index, float(argument))
        for call in run.trace.calls
        if call.index in relevant and call.name in {"div", "div_", "mul", "mul_"} and call.out.tensor.dim() == 0
        for argument in call.args[1:]
        if _scales_down(argument, call.name)
    }


def _scales_down(argument: Any, name: str) -> bool:
    if isinstance(argument, bool) or not isinstance(argument, int | float):
        return False
    return abs(argument) >= 2 if name.startswith("div") else 0 < abs(argument) < 0.5
