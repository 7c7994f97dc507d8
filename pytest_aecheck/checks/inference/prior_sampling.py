"""The model generates from another law than the prior that it was trained against.

## What it does

Calls the model's `sample()` or `generate()` and looks at what it draws.

## Why is this bad?

A decoder that was trained on codes from N(0, I) has seen almost nothing of the unit cube, and everything outside it is never
generated.

## How it decides

Every draw of the method is uniform, the training latent is drawn with normal noise, and its KL is measured to pull to N(0, I).

## Exemptions

Methods that also draw normal numbers; models with another prior.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014): <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC606",
    name="prior-sampling",
    summary="sample() draws uniform latents although the KL pulls to a Gaussian",
    needs=(
        "generation",
        "posteriors",
    ),
)


def judge(observations: Observations) -> Verdict:
    """Fail if generation and training use different laws."""
    generation = observations.generation
    gaussian = [p for p in observations.posteriors if p.law == "normal" and p.kl_weight > 0]
    if not gaussian:
        return CHECK.skipped("no latent with a KL to N(0, I) was found")
    if set(generation.laws) == {"uniform"}:
        return CHECK.failed(
            f"{generation.method} draws its latents with torch.rand, uniform on [0, 1); the prior is N(0, 1): use torch.randn"
        )
    return CHECK.passed(draws=len(generation.laws))
