"""The KL enters the loss with the wrong sign.

## What it does

Cuts the drawn latent off and looks at the direction of the gradient that the loss leaves at the posterior's mean.

## Why is this bad?

Minimising a loss that contains minus the KL rewards the posterior for being far from the prior: the loss falls without limit
and everything else drowns.

## How it decides

At random injected means the gradient is (for a Gaussian latent) `c·μ` to 0.2 %, with c below zero; or, for a relaxed categorical latent, `c·q(log q - Σ q log q)` at the logits.

## Exemptions

Gradients of another form; a capacity `|KL - C|`, which pushes outwards only below C, is recognised by injecting means far out and, for a categorical
latent, by the absolute value or square that a term on the logits passes.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), equation 3: <https://arxiv.org/abs/1312.6114>
"""

from __future__ import annotations

from pytest_aecheck.observations import Categorical, Observations, Posterior, Unavailable
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC304",
    name="kl-sign",
    summary="training pushes the posterior away from the prior",
    needs=("posteriors",),
)

_FITS = 2e-3


def _discrete(observations: Observations) -> list[Categorical]:
    try:
        return [c for c in observations.categoricals if c.residual < _FITS]
    except Unavailable:
        return []


def _gaussian(observations: Observations) -> tuple[Posterior, ...]:
    try:
        return observations.posteriors
    except Unavailable:
        return ()


def judge(observations: Observations) -> Verdict:
    """Fail on a negative weight."""
    drawn = _discrete(observations)
    for categorical in drawn:
        if categorical.kl_weight < 0:
            return CHECK.failed(
                f"the loss moves the {categorical.classes}-class latent away from the uniform prior: its gradient at the logits is that of a "
                f"KL with weight {categorical.kl_weight:.3g}. The KL must be added, not subtracted",
                where=categorical.where,
                weight=categorical.kl_weight,
            )
    judged = [p for p in _gaussian(observations) if p.mean_residual < max(_FITS, p.tolerance)]
    for posterior in judged:
        if posterior.kl_weight < 0:
            return CHECK.failed(
                f"the gradient of the loss at the posterior's mean is {posterior.kl_weight:.3g}·mean: it drives the code away from the prior. "
                "The KL must be added, not subtracted",
                where=posterior.where,
                weight=posterior.kl_weight,
            )
    return (
        CHECK.passed(latents=len(judged) + len(drawn))
        if judged or drawn
        else CHECK.skipped("the loss has no recognisable KL for a drawn latent")
    )
