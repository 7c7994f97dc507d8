"""The latent is drawn in the wrong mode, or keeps its scale in the other.

## What it does

Looks for draws of the latent in training and in evaluation mode. Where only training draws, compares the reconstruction in evaluation
mode with those that training mode makes of the mean and of mean + scale, the noise being 0 and 1.

## Why is this bad?

Without noise in training the scale is never used: the model is a plain autoencoder with a penalty, and decodes draws badly. `mean +
std` is a code that training hardly ever shows, shifted in every dimension.

## How it decides

It fails if the latent is drawn in evaluation mode and not in training, or if the evaluated reconstruction is that of mean + scale up to
rounding (1e-5 of the largest value) and not that of the mean (1e-3).

## Exemptions

Models that draw in both modes or in neither. Dropout and batch normalisation are in evaluation mode for the comparison; models that
change otherwise with the mode match neither reconstruction.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014): <https://arxiv.org/abs/1312.6114>
- <https://github.com/Project-MONAI/MONAI/issues/8413>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC215",
    name="sampling-mode",
    summary="the latent is drawn in evaluation mode only, or evaluated at mean + scale",
    needs=("modes",),
    cost="3F where only training draws",
)

_ROUNDING = 1e-5
_DIFFERENT = 1e-3


def judge(observations: Observations) -> Verdict:
    """Fail on exchanged modes, and on a scale that stays behind."""
    modes = observations.modes
    if modes.drawn_in_evaluation and not modes.drawn_in_training:
        return CHECK.failed(
            "the latent is drawn in evaluation mode and not in training: the condition on the mode is the wrong way round",
            where=modes.where,
        )
    if modes.to_shifted < _ROUNDING and modes.to_mean > _DIFFERENT:
        return CHECK.failed(
            "without noise, evaluation mode decodes mean + scale: the reconstruction differs from that of the mean by "
            f"{modes.to_mean:.3g} of its largest value. Return the mean where no noise is drawn",
            where=modes.where,
            to_mean=modes.to_mean,
        )
    return CHECK.passed()
