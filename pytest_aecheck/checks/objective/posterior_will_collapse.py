"""The weight of the KL leaves no room for any latent unit.

## What it does

Measures, before training, the effective weights of reconstruction and KL from gradients, with everything that means, sums and
factors do to them, and compares the noise that they imply with the spectrum of the data.

## Why is this bad?

With a KL that weighs too much the best that the model can do is to ignore the input: every latent unit falls back to the prior and
all reconstructions are the mean. The usual causes are a KL multiplied by the wrong constant, or summed next to an averaged
reconstruction.

## How it decides

`κ = (b / 2a) / λ_max(Cov x)`, where a and b are the weights of the squared error and of the KL. For a linear VAE collapse is complete
at κ ≥ 1. It warns there; the number of eigenvalues above `b / 2a` predicts how many units can be active. What holds for any decoder: the most
that a code can gain is half the total variance of the data over `b / 2a`, in nats. It fails where that is less than 1/8 of a nat,
which is not enough to tell two halves of the data apart (0.69 nats).

## Exemptions

Losses that are not quadratic in the reconstruction (cosine of gradient and error below 0.99), several latents, KL terms of another form,
warm-up at zero.

## References

- Lucas et al., "Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse" (2019): <https://arxiv.org/abs/1911.02469>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC301",
    name="posterior-will-collapse",
    summary="the effective weight of the KL predicts posterior collapse",
    needs=("forecast",),
)


_TOO_LITTLE = 1 / 8
"""Nats for each sample."""


def judge(observations: Observations) -> Verdict:
    """Fail where no code is worth its KL, warn where the linear theory leaves no active unit."""
    if observations.spec.loss is None:
        return CHECK.skipped("no loss was declared")
    forecast = observations.forecast
    numbers: dict[str, Any] = {
        "kappa": forecast.kappa,
        "kl_weight": forecast.kl_weight,
        "predicted_active_units": forecast.predicted_units,
    }
    if forecast.gain < _TOO_LITTLE:
        return CHECK.failed(
            f"the KL leaves no room for a code: even a perfect reconstruction would gain {forecast.gain:.2g} nats for a sample, since the "
            f"loss implies a noise of variance {forecast.kappa * forecast.largest_variance:.3g} in each element. Look for a factor on the KL, or "
            "a summed KL beside an averaged reconstruction",
            **numbers,
            gain=forecast.gain,
        )
    if forecast.kappa >= 1:
        return CHECK.warned(
            f"the KL weighs {forecast.kappa:.3g} times what lets one latent unit carry information: the loss implies a noise of variance "
            f"{forecast.kappa * forecast.largest_variance:.3g}, the data vary by at most {forecast.largest_variance:.3g} in any direction. "
            "Look for a factor on the KL, or a summed KL beside an averaged reconstruction",
            **numbers,
        )
    return CHECK.passed(**numbers)
