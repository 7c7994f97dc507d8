"""The noise is scaled by something else than the KL's standard deviation.

## What it does

Cuts the latent off and reads, from the gradient that still arrives, what the loss takes the scale head to be; compares it
with what multiplies the noise.

## Why is this bad?

`z = mu + eps * exp(logvar)` samples with the variance where the standard deviation belongs. The KL then describes another
distribution than the decoder receives, and the two pull against each other.

## How it decides

With known values injected at mean and head, the gradient of a KL to N(0, I) is `c·μ` and `c·(σ - 1/σ)·dσ/dh`. If it is, to
0.2 % (3 % where it was computed in bfloat16), that of a KL for another σ than the one that multiplied the noise, the two disagree.

## Exemptions

Gradients that fit no known reading: other priors, free bits, mixtures, Monte-Carlo estimates.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), section 2.4 and appendix B: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC203",
    name="wrong-posterior-scale",
    summary="sampling and KL disagree on what the scale head means",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail where the loss's reading is identified and differs."""
    identified = [p for p in observations.posteriors if p.kl_scale_meaning]
    for posterior in identified:
        if not posterior.kl_scale_agrees:
            return CHECK.failed(
                f"the KL treats the tensor behind the noise's scale as a {posterior.kl_scale_meaning}, but the scale that multiplies the "
                "noise is not the standard deviation which follows from that. For a log-variance it is exp(0.5 * logvar)",
                where=posterior.where,
            )
    if not identified:
        return CHECK.skipped("the loss has no recognisable KL for a drawn latent")
    return CHECK.passed(meaning=identified[0].kl_scale_meaning)
