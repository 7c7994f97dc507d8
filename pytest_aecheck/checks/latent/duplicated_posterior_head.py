"""Mean and scale are computed from the very same numbers.

## What it does

Compares the mean with every value on the way to the scale, bit by bit.

## Why is this bad?

The same layer called twice, or the same slice taken twice, ties the spread of the code to its position. The second head
exists and is never used.

## How it decides

All values are equal on the declared batch, and not all zero.

## Exemptions

None: two heads with random initialisation are never bitwise equal.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), appendix C.2: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC209",
    name="duplicated-posterior-head",
    summary="mean and log-variance are the same tensor",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on equality."""
    for posterior in observations.posteriors:
        if posterior.mean_equals_scale_head:
            return CHECK.failed(
                f"mean and scale of the latent of shape {posterior.latent_shape} are computed from the same values: "
                "one head is used for both",
                where=posterior.where,
            )
    return CHECK.passed(latents=len(observations.posteriors))
