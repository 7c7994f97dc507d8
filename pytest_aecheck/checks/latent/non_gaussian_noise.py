"""A Gaussian reparameterisation draws uniform noise.

## What it does

Looks at which function drew the noise of `z = mean + scale × noise`.

## Why is this bad?

`torch.rand_like` in place of `torch.randn_like` gives noise with mean one half and bounded support. The code is biased, and
samples from the prior look unlike anything that the decoder has seen.

## How it decides

The raw draw is uniform, is multiplied by a trained scale and added to a trained mean, with nothing in between.

## Exemptions

Uniform noise that is transformed first (Gumbel, logistic), dequantisation, dropout.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014): <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC205",
    name="non-gaussian-noise",
    summary="uniform noise in a Gaussian reparameterisation",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a uniform draw."""
    for posterior in observations.posteriors:
        if posterior.law == "uniform":
            return CHECK.failed(
                f"the latent of shape {posterior.latent_shape} is mean + scale × uniform noise (rand, rand_like): its noise lies in [0, 1) "
                "with mean 0.5. Draw it with randn_like",
                where=posterior.where,
            )
    return CHECK.passed(latents=len(observations.posteriors))
