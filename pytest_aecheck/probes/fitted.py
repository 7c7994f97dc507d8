"""What a trained model explains of the data, against what their mean and their principal components explain."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.batches import substituted
from pytest_aecheck.observations import Baselines, Fitted, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import find_code
from pytest_aecheck.probes.estimates import Estimate, mean_of, ratio_of_means
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.quantizers import searches
from pytest_aecheck.probes.runs import record, zeros
from pytest_aecheck.probes.trained import SAMPLES, TrainedPass, comparable, trained_pass

__all__ = ["observe_baselines", "observe_fitted"]

_MOST_FEATURES = 4096
"""A covariance of more features would take longer than the model."""


def observe_fitted(bench: Bench) -> Fitted:
    """Reconstruct 256 samples in evaluation mode without noise."""
    made = trained_pass(bench)
    found = unexplained(made.data, made.again)
    return Fitted(
        samples=len(made.data),
        fvu=found.value,
        fvu_error=found.error * (len(made.data) / made.distinct) ** 0.5,
    )


def unexplained(data: Any, again: Any) -> Estimate:
    """Fraction of variance unexplained and its standard error. Both arrays are (n, features).

    Error and variance come from the same samples, so their errors cancel in part: the ratio's is taken by the delta method.
    """
    centred = (data - data.mean(0)).pow(2).mean(1)
    n = len(data)
    return ratio_of_means((again - data).pow(2).mean(1), centred * n / (n - 1))


def observe_baselines(bench: Bench) -> Baselines:
    """Principal components of other samples, as many as the code has units; and the same model on unrelated features."""
    made = trained_pass(bench)
    units, drawn = _code_size(made)
    limited = drawn or bool(searches(made.run, bench.model)) or any(made.run.trace.named("gumbel_softmax", "round"))
    learned = rows(bench.primary(bench.batch(4 * SAMPLES, 6)), bench.batch_axis)
    if made.data.shape[1] > _MOST_FEATURES:
        raise Unavailable("the samples have too many features for a covariance")
    mean, axes = _components(learned, units)
    linear = (made.data - mean) @ axes.T @ axes + mean
    own, of_linear = ((again - made.data).pow(2).mean(1) for again in (made.again, linear))
    few = axes[: max(1, made.data.shape[1] // 4)]
    shuffled, shuffled_linear = _without_structure(bench, made, mean, few)
    return Baselines(
        samples=made.distinct,
        units=units,
        features=made.data.shape[1],
        limited=limited,
        fvu=float(own.mean()) / made.spread,
        linear_fvu=float(of_linear.mean()) / made.spread,
        excess=mean_of(own - of_linear).value / made.spread,
        excess_error=mean_of(own - of_linear).error / made.spread * (len(own) / made.distinct) ** 0.5,
        structure=shuffled_linear
        - float(((made.data - mean) @ few.T @ few + mean - made.data).pow(2).mean()) / made.spread,
        shuffled_fvu=shuffled,
    )


def _code_size(made: TrainedPass) -> tuple[int, bool]:
    """(units per sample, is the code drawn)."""
    code = find_code(made.run)
    return sum(value.tensor.numel() for value in code.values) // len(made.data), code.drawn


def _components(data: Any, count: int) -> tuple[Any, Any]:
    """Mean and the `count` directions of largest variance (Pearson 1901), orthonormal rows."""
    mean = data.mean(0)
    return mean, torch.linalg.svd(data - mean, full_matrices=False).Vh[:count]


def _without_structure(bench: Bench, made: TrainedPass, mean: Any, axes: Any) -> tuple[float, float]:
    """FVU of the model, and of a few components, on samples whose features were exchanged between samples.

    Every feature keeps its distribution; what the features say about each other is gone.
    """
    generator = torch.Generator().manual_seed(bench.spec.seed)
    batch = bench.batch(SAMPLES, 5)
    x = bench.primary(batch)
    order = torch.rand(made.data.shape, generator=generator).argsort(0)
    mixed = made.data.gather(0, order.to(made.data.device))
    moved = x.movedim(bench.batch_axis, 0)
    changed = mixed.reshape(moved.shape).to(x).movedim(0, bench.batch_axis)
    fed = substituted(batch, x, changed)
    finish = comparable(bench)
    with bench.ready(training=False) as model:
        run = record(bench, model, fed, seed=bench.spec.seed, noise=zeros, with_loss=False)
    again = rows(finish(bench.reconstruction(run.output, fed).detach()), bench.batch_axis)
    linear = (mixed - mean) @ axes.T @ axes + mean
    return tuple(float((one - mixed).pow(2).mean()) / made.spread for one in (again, linear))  # type: ignore[return-value]
