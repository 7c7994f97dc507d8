"""How the model draws its latent, and what the loss does to mean and scale when the latent is cut off.

A second run under the same seed replaces mean and scale head by fresh leaves and the latent by a leaf of its
own. What gradient still arrives at mean and head then comes from the KL alone. For a KL of N(μ, σ²) to N(0, 1)
it must be c·μ at the mean and c·(σ - 1/σ)·dσ/dh at the head h, with one and the same c, where σ is, by
definition, what multiplies the noise. So it is measured, not assumed, whether a head means σ, log σ or log σ².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from pytest_aecheck.observations import Posterior, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.lineage import ancestors, descendants
from pytest_aecheck.probes.objective import comparisons
from pytest_aecheck.probes.ranges import interval_of
from pytest_aecheck.probes.runs import Run, record
from pytest_aecheck.probes.shared import second_training_pass, training_pass
from pytest_aecheck.probes.sites import Root, Site, find_sites, root_of, scale_chain
from pytest_aecheck.probes.trace import Flow, Trace

__all__ = ["observe_posteriors"]

_NAN = float("nan")
_FITS = 2e-3
_ROUNDINGS = 4
"""How many relative roundings of the coarsest number on the way a fit may be off (bfloat16: 3 %)."""
_WIDE = 30.0
"""Standard deviation of injected means that makes any KL exceed a capacity."""

_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "log-variance": lambda v: (v.exp() - 1) / 2,
    "log-scale": lambda v: (2 * v).exp() - 1,
    "variance": lambda v: (1 - 1 / v) / 2,
    "scale": lambda v: v - 1 / v,
}
"""Derivative of the KL (without the mean's part) by a head of each meaning."""


def _of_variance(sigma: Any) -> Any:
    return sigma


def _of_logarithm(sigma: Any) -> Any:
    return -1 / sigma


_MISTAKEN: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any], str], ...] = (
    (_of_variance, lambda s: s.log() / s, "(log σ)² where log σ² belongs"),
    (_of_logarithm, torch.ones_like, "σ where σ² belongs"),
    (_of_logarithm, lambda s: s**3, "σ⁴ where σ² belongs"),
)
"""Derivatives by σ of a right part of the KL and of what is put in the other one's place by mistake."""

_SCALES: dict[str, Callable[[Any], Any]] = {
    "log-variance": lambda v: (v / 2).exp(),
    "log-scale": lambda v: v.exp(),
    "variance": lambda v: v.clamp_min(0).sqrt(),
    "scale": lambda v: v,
}


def observe_posteriors(bench: Bench) -> tuple[Posterior, ...]:
    """Every draw of a latent in a training forward."""
    return bench.once("posteriors", lambda: _observe(bench))


def _observe(bench: Bench) -> tuple[Posterior, ...]:
    batch = bench.batch(bench.spec.batch_size, 0)
    run = training_pass(bench).run
    sites = find_sites(run.trace)
    if not sites:
        raise Unavailable("the model draws no latent of the form mean + scale × noise")
    repeats = _draws_again(bench, run)
    with bench.ready(training=True) as model:
        return tuple(_observed(bench, model, batch, run, site, repeats) for site in sites[:4])


def _draws_again(bench: Bench, first: Run) -> Callable[[Site], bool]:
    """Whether a site's noise is the same under another random state."""
    try:
        runs = (first, second_training_pass(bench))
    except Unavailable:
        return lambda _: False

    def same(site: Site) -> bool:
        calls = [run.trace.calls[site.noise.index] for run in runs if site.noise.index < len(run.trace.calls)]
        if len(calls) < 2 or any(call.name != site.noise.name for call in calls):
            return False
        a, b = (call.out.tensor for call in calls)
        return bool(a.shape == b.shape and torch.equal(a, b) and a.numel() > 1)

    return same


@dataclass(frozen=True, slots=True)
class _Pull:
    """What arrives at mean and scale head when the latent is cut off."""

    connected: bool = False
    weight: float = _NAN
    residual: float = _NAN
    meaning: str = ""
    agrees: bool = False
    variance: float = _NAN
    log: float = _NAN
    mistaken: str = ""
    tolerance: float = _FITS
    decoder_connected: bool = True
    decoder_gradient: float = _NAN


def _observed(bench: Bench, model: Any, batch: Any, run: Run, site: Site, repeats: Callable[[Site], bool]) -> Posterior:
    mean_range, scale_range = interval_of(site.mean), interval_of(site.scale)
    pull = _pull(bench, model, batch, run.trace, site)
    return Posterior(
        where=site.latent.module if site.latent.module != "." else "the model",
        law=site.law,
        noise_shape=tuple(site.noise.out.tensor.shape),
        latent_shape=tuple(site.latent.out.tensor.shape),
        same_noise_for_two_seeds=repeats(site),
        reparameterized=site.reparameterized,
        mean_equals_scale_head=_same_head(site),
        mean_low=mean_range.low,
        mean_high=mean_range.high,
        scale_low=scale_range.low,
        scale_high=scale_range.high,
        decoder_connected=pull.decoder_connected,
        decoder_gradient=pull.decoder_gradient,
        kl_connected=pull.connected,
        kl_weight=pull.weight,
        mean_residual=pull.residual,
        kl_scale_meaning=pull.meaning,
        kl_scale_agrees=pull.agrees,
        variance_weight=pull.variance,
        log_weight=pull.log,
        mistaken_for=pull.mistaken,
        tolerance=pull.tolerance,
    )


def _same_head(site: Site) -> bool:
    """Whether the scale's head holds the very numbers of the mean."""
    mean = site.mean.tensor.detach()
    if not bool(mean.abs().max() > 0):
        return False
    return any(
        value.tensor.numel() == mean.numel() and torch.equal(value.tensor.detach().reshape(-1), mean.reshape(-1))
        for value in scale_chain(site.scale)
    )


def _leaf(values: Callable[[Any], Any], into: dict[str, Any], key: str) -> Callable[[Any], Any]:
    def make(tensor: Any) -> Any:
        into[key] = values(tensor.detach()).requires_grad_()
        return into[key]

    return make


def _pull(bench: Bench, model: Any, batch: Any, trace: Trace, site: Site, *, width: float = 1.0) -> _Pull:
    """Cut the latent off, set mean (of standard deviation `width`) and head to known values, and read the gradients."""
    cut = _cut_off(bench, model, batch, site, width)
    if cut is None:
        return _Pull()
    run, leaves, roots = cut
    target = run.loss if run.loss is not None else _summed(run)
    if target is None or not target.requires_grad:
        return _Pull()
    wanted = [leaves["latent"], leaves["mean"], leaves["head"]]
    at_latent, at_mean, at_head = torch.autograd.grad(target, wanted, allow_unused=True, retain_graph=True)
    if run.loss is None:
        found = _Pull()
    elif at_mean is None and at_head is None:
        read = _loss_reads(run, *roots, site) or _acts_elsewhere(trace, target, roots[0]) or _acts_on_sample(run, site)
        found = _Pull(connected=read)
    else:
        found = _fit(run, site, leaves, at_mean, at_head)
        if found.weight < 0 and width < _WIDE and _pull(bench, model, batch, trace, site, width=_WIDE).weight >= 0:
            # |KL - C| pushes outwards only while the KL is below the capacity C
            found = _Pull(connected=True)
    decoder = 0.0 if at_latent is None else float(at_latent.abs().max())
    return replace(found, decoder_connected=at_latent is not None, decoder_gradient=decoder)


def _cut_off(
    bench: Bench, model: Any, batch: Any, site: Site, width: float
) -> tuple[Run, dict[str, Any], tuple[Root, Root]] | None:
    """The same run with leaves for mean, head and latent, and where the first two come from; None if they are not separate."""
    chain = scale_chain(site.scale)
    mean, head = root_of(site.mean), root_of(chain[-1])
    if mean is None or head is None or mean.key == head.key or not site.reparameterized:
        return None
    leaves: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(7)
    override = {
        mean.key: _leaf(lambda t: width * torch.randn(t.shape, generator=generator).to(t), leaves, "mean"),
        head.key: _leaf(lambda t: _head_values(t, generator, positive=len(chain) == 1), leaves, "head"),
        (site.latent.index, 0): _leaf(lambda t: t, leaves, "latent"),
    }
    try:
        run = record(bench, model, batch, seed=bench.spec.seed, override=override)
    except Unavailable:
        return None
    return (run, leaves, (mean, head)) if len(leaves) == 3 and site.latent.index < len(run.trace.calls) else None


def _head_values(tensor: Any, generator: Any, *, positive: bool) -> Any:
    spread = torch.rand(tensor.shape, generator=generator).to(tensor)
    return 0.3 + 1.5 * spread if positive else 2.4 * spread - 1.2


def _summed(run: Run) -> Any:
    x_hat = run.maybe_reconstruction()
    return None if x_hat is None else x_hat.tensor.sum()


def _acts_elsewhere(trace: Trace, loss: Any, mean: Root) -> bool:
    """Whether the loss trains the encoder on another path than the latent that was cut off.

    With mean, head and latent replaced by leaves, the mean's layer is out of the graph unless it was called again.
    """
    layers = [
        value.tensor
        for value in trace.calls[mean.index].inputs
        if value.producer is None and value.tensor.requires_grad
    ]
    if not layers:
        relevant = ancestors(mean.value)
        layers = [
            v.tensor for i in relevant for v in trace.calls[i].inputs if v.producer is None and v.tensor.requires_grad
        ]
    gradients = torch.autograd.grad(loss, layers, allow_unused=True, retain_graph=True) if layers else ()
    return any(gradient is not None for gradient in gradients)


def _acts_on_sample(run: Run, site: Site) -> bool:
    """Whether the loss uses the sample itself (a discrepancy, a critic) besides what is reconstructed from it."""
    predictions = {id(prediction) for prediction, target in comparisons(run) if Flow.INPUT in target.flow}
    x_hat = run.maybe_reconstruction()
    predictions |= {id(x_hat)} if x_hat is not None else set()
    if not predictions:
        return True
    loss = run.trace.value(run.loss)
    return any(value is loss for value in descendants([run.trace.calls[site.latent.index].out], predictions))


def _loss_reads(run: Run, mean: Root, head: Root, site: Site) -> bool:
    """Whether the loss still depends on what made mean and scale although no gradient came back to them.

    It does if the KL was computed from a second slice of the same tensor, or in a way that the cut run cannot see.
    """
    relevant = ancestors(run.trace.value(run.loss))
    around = {mean.index, head.index}
    calls = run.trace.calls
    sources = {
        id(value)
        for index in around
        if index < len(calls)
        for value in calls[index].inputs
        if Flow.PARAMETER in value.flow
    }
    for index in relevant:
        call = calls[index]
        if index in around or index == site.latent.index:
            continue
        if any(id(value) in sources and value.producer is not None for value in call.inputs):
            return True
    return False


def _fit(run: Run, site: Site, leaves: dict[str, Any], at_mean: Any, at_head: Any) -> _Pull:
    """What the gradients that arrive at mean and head say of the KL."""
    largest = max(float(g.abs().max()) for g in (at_mean, at_head) if g is not None)
    weight = residual = _NAN
    if at_mean is not None and largest > 0:
        weight, residual = _proportional(at_mean, leaves["mean"])
    fits = _tolerance(leaves["mean"], leaves["head"])
    found = _Pull(True, weight, residual, tolerance=fits)
    if at_head is None or not largest or not math.isfinite(weight) or residual > fits or weight == 0:
        return found
    latent = run.trace.calls[site.latent.index]
    again = [s for s in find_sites(run.trace) if s.latent is latent]
    if not again:
        return found
    scale = again[0].scale
    chain = scale_chain(scale)
    fits = _tolerance(leaves["mean"], leaves["head"], *(value.tensor for value in chain))
    variance, log = _two_parts(at_head, leaves["head"], scale.tensor, weight, fits)
    mistaken = _mistaken(at_head, leaves["head"], scale.tensor, fits) if math.isnan(variance) else ""
    meaning, agrees = _meaning(at_head, leaves["head"], chain, scale.tensor, weight, fits)
    return replace(found, meaning=meaning, agrees=agrees, variance=variance, log=log, mistaken=mistaken, tolerance=fits)


def _proportional(gradient: Any, direction: Any) -> tuple[float, float]:
    g, d = gradient.detach().double().reshape(-1), direction.detach().double().reshape(-1)
    c = float((g @ d) / (d @ d))
    return c, float((g - c * d).norm() / g.norm().clamp_min(1e-300))


def _tolerance(*tensors: Any) -> float:
    return max(_FITS, *(_ROUNDINGS * float(torch.finfo(t.dtype).eps) for t in tensors))


def _two_parts(at_head: Any, head: Any, scale: Any, weight: float, fits: float) -> tuple[float, float]:
    """Least-squares weights of σ² and of -log σ² in the gradient at the head, relative to the weight at the mean."""
    (variance, log), rest = _solved(at_head, head, scale, (_of_variance, _of_logarithm))
    return (_NAN, _NAN) if rest > fits else (variance / weight, log / weight)


def _mistaken(at_head: Any, head: Any, scale: Any, fits: float) -> str:
    """What stands where σ² or log σ² belongs, if the gradient at the head is that of one right and one such part."""
    for right, wrong, said in _MISTAKEN:
        (first, second), rest = _solved(at_head, head, scale, (right, wrong))
        if rest <= fits and abs(first) > 0 and abs(second) > 0:
            return said
    return ""


def _solved(
    at_head: Any, head: Any, scale: Any, parts: tuple[Callable[[Any], Any], ...]
) -> tuple[tuple[float, ...], float]:
    """Least-squares weights of parts of the gradient by the scale, and the share of the gradient that is left over."""
    sigma = scale.detach().clamp_min(1e-12)
    columns = [torch.autograd.grad(scale, head, part(sigma), retain_graph=True)[0] for part in parts]
    basis = torch.stack([column.double().reshape(-1) for column in columns], dim=1)
    target = at_head.detach().double().reshape(-1, 1)
    solution = torch.linalg.lstsq(basis, target).solution
    rest = float((target - basis @ solution).norm() / target.norm().clamp_min(1e-300))
    return tuple(float(weight) for weight in solution), rest


def _meaning(at_head: Any, head: Any, chain: list[Any], scale: Any, weight: float, fits: float) -> tuple[str, bool]:
    """Which quantity, read as which meaning, gives this gradient; and whether it is the sampling's scale."""
    best, found = fits, ("", False)
    for value in chain:
        tensor = value.tensor
        if not tensor.requires_grad:
            continue
        for name, derivative in _MEANINGS.items():
            # As a scale a head is squared, and may be negative; a variance may not.
            if (name == "variance" and not bool((tensor > 0).all())) or not bool((tensor != 0).all()):
                continue
            expected = torch.autograd.grad(tensor, head, weight * derivative(tensor.detach()), retain_graph=True)[0]
            gap = float((expected - at_head).double().norm() / at_head.double().norm().clamp_min(1e-300))
            if gap < best:
                implied = _SCALES[name](tensor.detach()).reshape(-1).double()
                used = scale.detach().reshape(-1).double()
                agrees = implied.numel() == used.numel() and bool(torch.allclose(implied, used, rtol=fits))
                best, found = gap, (name, agrees)
    return found
