"""Nothing that the loss sees depends on the drawn latent.

## What it does

Replaces the latent by a leaf and asks autograd whether loss (or reconstruction) depends on it.

## Why is this bad?

The decoder reads something else: the encoder's state, the mean, or the previous step alone. Sampling from the prior then has
no effect, and the KL trains heads that nothing uses.

## How it decides

Autograd has no path at all. A gradient of exactly zero, as a zero-initialised layer gives, is no failure.

## Exemptions

Draws that are made without reparameterisation are judged elsewhere. A model that draws several latents may keep
some of them for another loss (a discriminator's); it fails only if none is used.

## References

- Bowman et al., "Generating Sentences from a Continuous Space" (2016): <https://arxiv.org/abs/1511.06349>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC221",
    name="decoder-ignores-latent",
    summary="the drawn latent is not used",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if a drawn latent leads nowhere."""
    judged = [p for p in observations.posteriors if p.reparameterized]
    unused = [p for p in judged if not p.decoder_connected]
    if judged and len(unused) == len(judged):
        posterior = unused[0]
        return CHECK.failed(
            f"the latent of shape {posterior.latent_shape} is drawn and then not used: neither the reconstruction nor the loss depends on it",
            where=posterior.where,
        )
    return CHECK.passed(latents=len(judged)) if judged else CHECK.skipped("no reparameterised latent was found")
