"""The latent is drawn in a way that passes no gradient to its mean and scale.

## What it does

Looks for `torch.normal(mean, std)` or `Normal(mean, std).sample()` on trained mean and scale.

## Why is this bad?

The decoder's error cannot tell the encoder anything: only the KL trains it, and it collapses to the prior.

## How it decides

The draw is made directly from mean and scale, outside the graph, while the model's training forward is recorded.

## Exemptions

Score-function estimators: declare them with `exempt={"AEC208"}`. Models that detach the sample and also draw a
reparameterised one are not judged.

## References

- Mohamed et al., "Monte Carlo Gradient Estimation in Machine Learning" (2020): <https://arxiv.org/abs/1906.10652>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC208",
    name="non-reparameterized-sample",
    summary="the latent is drawn without reparameterisation",
    needs=(
        "posteriors",
        "reach",
    ),
)


def judge(observations: Observations) -> Verdict:
    """Fail if no draw of the model is reparameterised."""
    posteriors = observations.posteriors
    if any(p.reparameterized for p in posteriors):
        return CHECK.passed(latents=len(posteriors))
    return CHECK.failed(
        f"the latent of shape {posteriors[0].latent_shape} is drawn directly from its mean and scale: no gradient passes to the "
        "encoder. Use rsample(), or mean + scale * randn_like(mean)",
        where=posteriors[0].where,
    )
