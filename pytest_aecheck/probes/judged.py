"""Which elements of the reconstruction does the loss look at?"""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Judged, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.runs import Run
from pytest_aecheck.probes.shared import second_training_pass, training_pass

__all__ = ["observe_judged"]


def observe_judged(bench: Bench) -> Judged:
    """Elements at which the loss has a gradient, in any sample of two batches."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    first, second = training_pass(bench).run, second_training_pass(bench)
    if not first.x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    judged = _judged(bench, first)
    again = _judged(bench, second)
    if judged.shape == again.shape:
        judged = judged | again
    missing = (~judged).nonzero()
    where = ", ".join(str(int(i)) for i in missing[0]) if len(missing) else ""
    return Judged(judged.numel(), int(judged.sum()), where)


def _judged(bench: Bench, run: Run) -> Any:
    """One flag for each element of a sample."""
    if sum(execution.name == "." for execution in run.trace.executions) != 1:
        raise Unavailable("the loss calls the model several times, and may look at another part each time")
    x_hat = run.maybe_reconstruction()
    if x_hat is None or not x_hat.tensor.requires_grad or not run.loss.requires_grad:
        raise Unavailable("no output that carries a gradient has the shape of the input")
    (gradient,) = torch.autograd.grad(run.loss, x_hat.tensor, retain_graph=True, allow_unused=True)
    if gradient is None:
        raise Unavailable("the loss does not read the reconstruction that the model returns")
    return (gradient != 0).any(bench.batch_axis)
