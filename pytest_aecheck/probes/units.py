"""What the decoder of a trained model makes of each unit of the code."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.observations import Unavailable, UnitUse
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.codes import Code, find_code
from pytest_aecheck.probes.estimates import root_ratio, variances
from pytest_aecheck.probes.sites import find_sites
from pytest_aecheck.probes.trained import TrainedPass, trained_pass

__all__ = ["IGNORED", "observe_unit_use", "unit_uses"]

IGNORED = 0.01
_ACTIVE = 0.01
_DIRECTIONS = 8
_FEWEST = 32


def observe_unit_use(bench: Bench) -> UnitUse:
    """Derivative of the reconstruction by each unit, times the unit's standard deviation over the data."""
    made = trained_pass(bench)
    if made.distinct < _FEWEST:
        raise Unavailable(f"cannot tell from {made.distinct} different samples")
    code = find_code(made.run)
    if len(code.values) != 1:
        raise Unavailable("the code has several parts")
    spread = _spread(made, code)
    slopes = _squared_slopes(made, code, bench.spec.seed)
    varying = spread > (_ACTIVE if code.drawn else 0.0)
    if not bool(varying.any()):
        raise Unavailable("no unit of the code varies over the data")
    use, error = unit_uses(slopes[:, varying], spread[varying], made.spread)
    error = error * (len(slopes) / made.distinct) ** 0.5
    threshold = IGNORED * float(use.max())
    return UnitUse(
        where=code.where,
        samples=made.distinct,
        units=len(spread),
        varying=int(varying.sum()),
        ignored=int((use + 2 * error < threshold).sum()),
        unclear=int(((use < threshold) & (use + 2 * error >= threshold)).sum()),
        least=float(use.min()),
        largest=float(use.max()),
        threshold=IGNORED,
    )


def _rows(made: TrainedPass, tensor: Any) -> Any:
    """One row per sample of a code, in double precision."""
    n = len(made.data)
    if not tensor.dim() or tensor.shape[0] != n:
        raise Unavailable("the code has no first axis over the samples")
    return tensor.detach().double().reshape(n, -1)


def _spread(made: TrainedPass, code: Code) -> Any:
    """Variance of each unit over the data: of the mean, where the code is drawn."""
    sites = [site for site in find_sites(made.run.trace) if site.reparameterized]
    value = sites[0].mean if code.drawn and sites else code.values[0]
    return variances(_rows(made, value.tensor))[0]


def _squared_slopes(made: TrainedPass, code: Code, seed: int) -> Any:
    """Squared norm of the reconstruction's derivative by each unit, (samples, units), averaged over random signs (Hutchinson 1990)."""
    x_hat, z = made.run.maybe_reconstruction(), code.values[0].tensor
    if x_hat is None or not x_hat.tensor.requires_grad or not z.requires_grad:
        raise Unavailable("the code carries no gradient")
    generator = torch.Generator().manual_seed(seed)
    total: Any = 0.0
    for _ in range(_DIRECTIONS):
        signs = torch.randint(0, 2, x_hat.tensor.shape, generator=generator).to(x_hat.tensor) * 2 - 1
        (slope,) = torch.autograd.grad(x_hat.tensor, z, signs, retain_graph=True, allow_unused=True)
        if slope is None:
            raise Unavailable("the reconstruction does not depend on the code")
        total = total + _rows(made, slope).pow(2)
    return total / _DIRECTIONS


def unit_uses(slopes: Any, spread: Any, data_spread: float) -> tuple[Any, Any]:
    """(use, standard error) of each unit from its squared slopes (samples, units) and its variance over the data."""
    found = [root_ratio(slopes[:, j] * spread[j], data_spread) for j in range(slopes.shape[1])]
    return torch.tensor([one.value for one in found]), torch.tensor([one.error for one in found])
