"""The KL's variance part is not that of a KL between Gaussians.

## What it does

Injects random means and scale heads, cuts the latent off, and splits the gradient at the scale head into a σ² part and a
log σ² part.

## Why is this bad?

A wrong sign or a missing term moves the optimum: without the log the scale falls to zero, with the wrong sign it grows without
limit, with the wrong weight the posterior settles on another scale than the prior's.

## How it decides

For every Gaussian prior, `KL = c·(μ²/s² + σ²/s² - log σ²)/2`: the σ² part has the weight of the mean's part, and the log part is
positive. Both are least-squares weights with a residual below 0.2 % (3 % in bfloat16). Where they do not fit, it also fails if one
right part and one of the usual mistakes do: `(log σ)²` for `log σ²`, `σ` or `σ⁴` for `σ²`. A log part of half or twice the others'
weight fails, too: the ½ stands before one bracket of two. Other weights may be the variance of a prior.

## Exemptions

Gradients that are no mixture of the two parts (free bits, capacity, other priors, Monte-Carlo estimates). A missing global ½
is a β and cannot be seen.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), appendix B: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

import math
from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC303",
    name="kl-formula",
    summary="the closed form of the KL is wrong",
    needs=("posteriors",),
)

_TOLERANCE = 0.02
_FORGOTTEN_HALF = (0.5, 2.0)
"""Weights of log σ² that a ½ in front of the wrong bracket gives. As variances of a prior they are hardly ever chosen."""


def judge(observations: Observations) -> Verdict:
    """Fail where the parts are measured and contradict each other."""
    penalized = [p for p in observations.posteriors if p.kl_weight > 0]
    for posterior in penalized:
        # A KL that is right of another scale than the one which samples is said by wrong-posterior-scale.
        if posterior.mistaken_for and not posterior.kl_scale_meaning:
            return CHECK.failed(f"the KL has {posterior.mistaken_for}", where=posterior.where)
    judged = [p for p in penalized if math.isfinite(p.variance_weight)]
    for posterior in judged:
        variance, log = posterior.variance_weight, posterior.log_weight
        if not posterior.kl_scale_agrees and posterior.kl_scale_meaning:
            continue
        numbers: dict[str, Any] = {"variance_weight": variance, "log_weight": log}
        if log <= _TOLERANCE:
            return CHECK.failed(
                f"the KL has no positive log σ² part (its weight is {log:.3g} of the mean's): nothing keeps σ from falling to 0",
                where=posterior.where,
                **numbers,
            )
        if abs(variance - 1) > max(_TOLERANCE, 4 * posterior.tolerance):
            return CHECK.failed(
                f"the KL weighs σ² {variance:.3g} times as much as μ²; between Gaussians both have the same weight",
                where=posterior.where,
                **numbers,
            )
        if any(abs(log - factor) <= max(_TOLERANCE, 4 * posterior.tolerance) for factor in _FORGOTTEN_HALF):
            return CHECK.failed(
                f"the KL weighs log σ² {log:.3g} times as much as μ² and σ²: its least value is at σ² = {log:.3g}, and to the standard "
                'normal all three have the same weight. If the prior\'s variance is meant to be that, declare exempt={"AEC303"}',
                where=posterior.where,
                **numbers,
            )
    return (
        CHECK.passed(latents=len(judged))
        if judged
        else CHECK.skipped("the loss has no recognisable KL for a drawn latent")
    )
