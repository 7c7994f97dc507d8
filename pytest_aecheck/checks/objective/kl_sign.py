"""The KL enters the loss with the wrong sign.

## What it does

Cuts the drawn latent off and looks at the direction of the gradient that the loss leaves at the posterior's mean.

## Why is this bad?

Minimising a loss that contains minus the KL rewards the posterior for being far from the prior: the loss falls without limit
and everything else drowns.

## How it decides

At random injected means the gradient is `c·μ` to 0.2 %, with c below zero.

## Exemptions

Gradients of another form.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), equation 3: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC304",
    name="kl-sign",
    summary="training pushes the posterior away from the prior",
    needs=("posteriors",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a negative weight."""
    judged = [p for p in observations.posteriors if p.mean_residual < 2e-3]
    for posterior in judged:
        if posterior.kl_weight < 0:
            return CHECK.failed(
                f"the gradient of the loss at the posterior's mean is {posterior.kl_weight:.3g}·mean: it drives the code away from the prior. "
                "The KL must be added, not subtracted",
                where=posterior.where,
                weight=posterior.kl_weight,
            )
    return CHECK.passed(latents=len(judged)) if judged else CHECK.skipped("the loss has no recognisable KL for a drawn latent")
