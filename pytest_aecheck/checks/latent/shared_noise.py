"""Several latent values share one noise value.

## What it does

Compares the number of values drawn with the number of latent values that they are spread over.

## Why is this bad?

One noise vector for a whole batch, or one value for all dimensions, makes samples move together: the gradient's noise does
not average out, and the posterior is not the diagonal Gaussian that the KL describes.

## How it decides

Fewer noise values than latent values.

## Exemptions

Draws that hold more values than one latent (importance samples).

## References

- Kingma et al., "Variational Dropout and the Local Reparameterization Trick" (2015), section 2.1: <https://arxiv.org/abs/1506.02557>
"""

from __future__ import annotations

import math

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC207",
    name="shared-noise",
    summary="fewer noise values than latent values",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Count."""
    for posterior in observations.posteriors:
        drawn, used = math.prod(posterior.noise_shape), math.prod(posterior.latent_shape)
        if drawn < used:
            return CHECK.failed(
                f"noise of shape {posterior.noise_shape} is spread over a latent of shape {posterior.latent_shape}: "
                f"{used} values share {drawn} draws. Draw with randn_like(mean)",
                where=posterior.where,
                drawn=drawn,
                latent=used,
            )
    return CHECK.passed(latents=len(observations.posteriors))
