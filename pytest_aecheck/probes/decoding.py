"""What a trained decoder makes of the code, and what the code of a trained encoder holds."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import CodeUse, LatentUse, PriorSamples, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import Code, find_code
from pytest_aecheck.probes.estimates import distinct_rows, root_ratio, variances
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.lineage import ancestors
from pytest_aecheck.probes.runs import Run, record, zeros
from pytest_aecheck.probes.sites import find_sites
from pytest_aecheck.probes.trained import comparable, trained_pass

__all__ = ["observe_code_use", "observe_latent_use", "observe_prior_samples"]

_SAMPLES = 256
_FEWEST = 32
"""Different samples below which nothing is estimated."""
_COLLAPSED = 0.01
"""ε and δ of (ε, δ)-collapse (Lucas et al. 2019): a unit whose KL is below ε for a share 1 - δ of the data."""
_ACTIVE = 0.01


def _fitted_run(bench: Bench, model: Any, **how: Any) -> tuple[Run, int]:
    """(a run without noise, number of different samples in it)."""
    batch = bench.batch(_SAMPLES, 5)
    x = bench.primary(batch)
    if not x.is_floating_point():
        raise Unavailable("the input is not of floating point")
    distinct = distinct_rows(rows(x, bench.batch_axis))
    if distinct < _FEWEST:
        raise Unavailable(f"cannot tell from {distinct} different samples")
    return record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False, **how), distinct


def observe_code_use(bench: Bench) -> CodeUse:
    """Decode every sample's code, then another sample's code in its place."""
    with bench.ready(training=False) as model:
        own, distinct = _fitted_run(bench, model)
        code = find_code(own)
        n = own.x.shape[bench.batch_axis]
        override = {key: _exchange(n) for key in code.keys}
        if any(_axis(value.tensor, n) is None for value in code.values):
            raise Unavailable("the code has no axis over the samples")
        other, _ = _fitted_run(bench, model, override=override)
        if own.maybe_reconstruction() is None or other.maybe_reconstruction() is None:
            raise Unavailable("no output has the shape of the input")
        a, b = (rows(run.reconstruction().tensor, bench.batch_axis) for run in (own, other))
    data = rows(own.x, bench.batch_axis)
    spread = float((data - data.mean(0)).pow(2).mean())
    if not spread:
        raise Unavailable("the data are constant")
    use = root_ratio((a - b).pow(2).mean(1), spread)
    dead, units = _dead(own, code, n)
    return CodeUse(
        samples=distinct,
        use=use.value,
        use_error=use.error * (n / distinct) ** 0.5,
        dead_units=dead,
        units=units,
        sparse=units >= data.shape[1] or _chooses(own, code),
        where=code.where,
        drawn=code.drawn,
    )


def _axis(tensor: Any, n: int) -> int | None:
    """Where the samples are; a multiple of n on the first axis holds several vectors of each sample in a row."""
    if tensor.dim() and tensor.shape[0] and tensor.shape[0] % n == 0:
        return 0
    return next((axis for axis, size in enumerate(tensor.shape) if size == n), None)


def _exchange(n: int) -> Any:
    """Give every sample the code of another: a shift by a third of the batch leaves nobody in place."""

    def exchanged(tensor: Any) -> Any:
        axis = _axis(tensor, n)
        if axis is None:
            return tensor
        return tensor.roll(n // 3 * (tensor.shape[axis] // n), axis)

    return exchanged


def _dead(run: Run, code: Code, n: int) -> tuple[int, int]:
    """(units that are zero for every sample, all units) of a code that is not drawn."""
    if code.drawn or len(code.values) != 1:
        return 0, 0
    tensor = code.values[0].tensor.detach()
    axis = _axis(tensor, n)
    if axis is None or run.output is None:
        return 0, 0
    flat = tensor.movedim(axis, 0).reshape(n, -1)
    return int((flat == 0).all(0).sum()), flat.shape[1]


def _chooses(run: Run, code: Code) -> bool:
    """Whether the code is made by picking its largest entries, which leaves others at zero on purpose."""
    made = {index for value in code.values for index in ancestors(value)}
    return any(run.trace.calls[index].name in {"topk", "kthvalue", "sort"} for index in made)


def observe_latent_use(bench: Bench) -> LatentUse:
    """Activity, divergence and information of the units of the first drawn latent."""
    with bench.ready(training=False) as model:
        run, distinct = _fitted_run(bench, model)
    sites = [site for site in find_sites(run.trace) if site.reparameterized]
    if not sites:
        raise Unavailable("the model draws no latent in evaluation mode")
    mean, scale = (value.tensor.detach().double() for value in (sites[0].mean, sites[0].scale))
    if mean.shape != scale.shape or mean.shape[0] != _SAMPLES:
        raise Unavailable("mean and scale of the latent have no common axis over the samples")
    mean, scale = mean.reshape(_SAMPLES, -1), scale.reshape(_SAMPLES, -1).abs().clamp_min(1e-12)
    variance, error = variances(mean)
    error = error * (_SAMPLES / distinct) ** 0.5
    kl = 0.5 * (mean.pow(2) + scale.pow(2) - 1 - 2 * scale.log())
    return LatentUse(
        samples=distinct,
        units=mean.shape[1],
        active=int((variance > _ACTIVE).sum()),
        surely_inactive=int((variance + 2 * error < _ACTIVE).sum()),
        largest_variance=float(variance.max()),
        largest_variance_error=float(error[variance.argmax()]),
        collapsed=int(((kl < _COLLAPSED).double().mean(0) >= 1 - _COLLAPSED).sum()),
        kl=float(kl.sum(1).mean()),
        information=_information(mean, scale, bench.spec.seed),
        information_ceiling=float(torch.log(torch.tensor(float(distinct)))),
    )


def _information(mean: Any, scale: Any, seed: int) -> float:
    """Mutual information of input and code, `E log q(z|x) - log q(z)`, one draw per sample, in nats.

    q(z) is the mixture of the batch's posteriors (Hoffman and Johnson 2016), so the estimate cannot exceed log n.
    """
    if mean.shape[1] > 1024:  # an n × n × units array would be large
        return float("nan")
    generator = torch.Generator().manual_seed(seed)
    z = mean.cpu() + scale.cpu() * torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
    at = torch.distributions.Normal(mean.cpu(), scale.cpu())
    log_q = torch.stack([at.log_prob(one).sum(1) for one in z])
    return float((log_q.diagonal() - log_q.logsumexp(1)).mean() + torch.log(torch.tensor(float(len(z)))))


def observe_prior_samples(bench: Bench) -> PriorSamples:
    """Put draws of N(0, I) in the place of every drawn latent."""
    made = trained_pass(bench)
    code = find_code(made.run)
    sites = [site for site in find_sites(made.run.trace) if site.reparameterized]
    if not sites:
        raise Unavailable("the model draws no latent in evaluation mode")
    generator = torch.Generator().manual_seed(bench.spec.seed)
    prior = {key: lambda t: torch.randn(t.shape, generator=generator).to(t) for key in code.keys}
    with bench.ready(training=False) as model:
        run, _ = _fitted_run(bench, model, override=prior)
    decoded = rows(comparable(bench)(run.reconstruction().tensor.detach()), bench.batch_axis)
    low, high = float(made.data.min()), float(made.data.max())
    margin = 0.5 * (high - low)
    mean, scale = (_site_rows(value.tensor, len(made.data)) for value in (sites[0].mean, sites[0].scale))
    variance = mean.var(0) + scale.pow(2).mean(0)
    return PriorSamples(
        samples=made.distinct,
        outside=float(((decoded < low - margin) | (decoded > high + margin)).double().mean()),
        data_low=low,
        data_high=high,
        decoded_low=float(decoded.min()),
        decoded_high=float(decoded.max()),
        spread=(float((decoded - decoded.mean(0)).pow(2).mean()) / made.spread) ** 0.5,
        furthest_mean=float(mean.mean(0).abs().max()),
        narrowest=float(variance.min()),
        widest=float(variance.max()),
    )


def _site_rows(tensor: Any, n: int) -> Any:
    """One row per sample of what a latent is drawn with."""
    if tensor.shape[0] % n:
        raise Unavailable("mean and scale of the latent have no common axis over the samples")
    return tensor.detach().double().reshape(n, -1)
