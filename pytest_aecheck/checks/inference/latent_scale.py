"""encode and decode scale the latent differently than the forward pass.

## What it does

In evaluation mode and without noise, compares what the module `decoder` receives by `decode(encode(x))` and by `forward(x)`.

## Why is this bad?

A scaling factor that encode applies and decode removes on the wrong side of the decoder makes the decoder see latents that it
was never trained on.

## How it decides

The two inputs are proportional, to one part in ten thousand, and the factor differs from 1 by more than 1 %.

## Exemptions

Inputs that are not proportional: the methods may do something else on purpose.

## References

- Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022), appendix G: <https://arxiv.org/abs/2112.10752>
"""

from __future__ import annotations

import math

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC626",
    name="latent-scale",
    summary="decode(encode(x)) feeds the decoder another multiple of the latent than forward(x)",
    needs=("routes",),
)

_TOLERANCE = 0.01


def judge(observations: Observations) -> Verdict:
    """Fail on a factor."""
    routes = observations.routes
    if math.isnan(routes.factor):
        return CHECK.skipped("encode and decode take another way than the forward pass")
    if abs(routes.factor - 1) > _TOLERANCE:
        return CHECK.failed(
            f"decode(encode(x)) feeds {routes.decoder} {routes.factor:.4g} times the latent that the forward pass feeds it: "
            "undo the scaling before the decoder, not after it",
            where=routes.decoder,
            factor=routes.factor,
        )
    return CHECK.passed(factor=routes.factor)
