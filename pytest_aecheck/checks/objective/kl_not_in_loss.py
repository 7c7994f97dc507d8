"""The loss does not hold the posterior to a prior.

## What it does

Cuts the drawn latent off and asks whether the loss still depends on mean, scale, or the layers that make them.

## Why is this bad?

Without a KL the encoder shrinks its noise to nothing and spreads the codes without limit: a VAE becomes an autoencoder, and
samples from the prior decode to nonsense. The usual causes are a forgotten term, `.item()` or `.detach()` on it, or a sum that is
logged but not returned.

## How it decides

Autograd has no path from the loss to mean and scale head except through the latent.

## Exemptions

A weight of zero (a warm-up) keeps the path and passes. Losses that act on the latent itself (adversarial, MMD) or through
another pass of the encoder pass too.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), equation 3: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC302",
    name="kl-not-in-loss",
    summary="no KL, or any other term, acts on the posterior",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if the posterior is free."""
    judged = [p for p in observations.posteriors if p.reparameterized]
    if observations.spec.loss is None:
        return CHECK.skipped("no loss was declared")
    if not judged:
        return CHECK.skipped("no reparameterised latent was found")
    free = [p for p in judged if not p.kl_connected]
    if len(free) == len(judged):
        return CHECK.failed(
            f"the loss reaches mean and scale of the latent of shape {free[0].latent_shape} only through the drawn sample: "
            "no KL (or other term) holds the posterior to a prior. Was it left out, detached, or turned into a number?",
            where=free[0].where,
        )
    return CHECK.passed(latents=len(judged))
