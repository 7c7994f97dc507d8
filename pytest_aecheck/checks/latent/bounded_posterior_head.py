"""Mean or scale of the posterior cannot reach the values that the prior asks for.

## What it does

Reads the interval in which mean and scale must lie from the operations that made them.

## Why is this bad?

A ReLU, sigmoid, tanh or softmax on the mean forbids most of the latent space that the prior covers; on the log-variance it
keeps the scale above some floor, so that the code stays noisy whatever the encoder learns.

## How it decides

For a latent whose KL is measured to pull towards N(0, I): the mean is bounded on one side by 0, or on both sides within ±2; or
the scale can never fall below one half.

## Exemptions

Wide clamps that guard against overflow; posteriors whose KL is of another form (the prior may be bounded too).

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), appendix C.2: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

import math

from pytest_aecheck.observations import Observations, Posterior
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC202",
    name="bounded-posterior-head",
    summary="an activation bounds the posterior's mean or scale",
    needs=("posteriors",),
)

_NARROW = 2.0
_FLOOR = 0.5


def judge(observations: Observations) -> Verdict:
    """Fail where a bound contradicts the prior that the loss pulls to."""
    judged = [p for p in observations.posteriors if p.kl_weight > 0]
    for posterior in judged:
        complaint = _complaint(posterior)
        if complaint:
            return CHECK.failed(complaint, where=posterior.where)
    if not judged:
        return CHECK.skipped("no latent with a KL to N(0, I) was found")
    return CHECK.passed(latents=len(judged))


def _complaint(posterior: Posterior) -> str:
    low, high = posterior.mean_low, posterior.mean_high
    if low >= 0 or high <= 0 or (math.isfinite(high - low) and high - low <= 2 * _NARROW):
        return (
            f"the posterior's mean can only lie in [{low:.4g}, {high:.4g}] because of its last activation, but the KL pulls it towards "
            "N(0, 1). End the head in a linear layer"
        )
    if posterior.scale_low >= _FLOOR:
        return (
            f"the posterior's scale can only lie in [{posterior.scale_low:.4g}, {posterior.scale_high:.4g}] because of the activation on its "
            "head: the code stays that noisy whatever is learned. End the head in a linear layer"
        )
    return ""
