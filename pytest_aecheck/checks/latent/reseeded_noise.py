"""The noise is the same under every random state.

## What it does

Draws the latent twice, from two random states, one after the other.

## Why is this bad?

A `manual_seed` inside `forward` or `encode` makes the noise a constant. The decoder learns that constant, and every other
generator of the program is reset with it.

## How it decides

The raw noise is bitwise equal in both runs.

## Exemptions

A generator that the model keeps and advances gives other numbers the second time.

## References

- PyTorch documentation, "Reproducibility": <https://pytorch.org/docs/stable/notes/randomness.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC213",
    name="reseeded-noise",
    summary="a seed fixed inside the model gives the same noise each time",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on constant noise."""
    for posterior in observations.posteriors:
        if posterior.same_noise_for_two_seeds:
            return CHECK.failed(
                f"the noise of the latent of shape {posterior.latent_shape} is the same from two random states: "
                "a seed or generator is set inside the model",
                where=posterior.where,
            )
    return CHECK.passed(latents=len(observations.posteriors))
