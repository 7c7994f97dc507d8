"""The reconstruction is compared with the wrong tensor.

## What it does

Follows the target of every comparison in the loss back to what it was computed from.

## Why is this bad?

A denoising autoencoder that is compared with the corrupted input learns to reproduce the noise. The usual cause is a variable
that was overwritten by its corrupted version.

## How it decides

Both operands are one tensor; or the target holds the batch's samples in another order; or random noise was added to the target, the network was fed that same tensor, and the target differs from the clean batch by more
than a fifth of its spread.

## Exemptions

Dequantisation (small noise), masks that also multiply the prediction, random crops and other choices of elements.

## References

- Vincent et al., "Stacked Denoising Autoencoders" (2010): <https://jmlr.org/papers/v11/vincent10a.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC307",
    name="wrong-target",
    summary="the reconstruction is compared with itself, another sample, or its noisy input",
    needs=("objective",),
)

_NOTICEABLE = 0.2


def judge(observations: Observations) -> Verdict:
    """Fail where the target is what the network was fed, with noise in it."""
    pairs = observations.objective.pairs
    for pair in pairs:
        if pair.same_source and pair.prediction_shape:
            return CHECK.failed(f"{pair.function} compares a tensor with itself: its value and gradient are constant")
        if pair.target_rows_moved and pair.prediction_trained:
            return CHECK.failed(
                f"{pair.function} compares each reconstruction with another sample: the target is the batch in another order"
            )
        if pair.target_is_fed and pair.target_noise > _NOTICEABLE:
            return CHECK.failed(
                f"{pair.function} compares the reconstruction with the noisy tensor that the network was fed: it differs from the clean "
                f"batch by {pair.target_noise:.0%} of the data's spread. Keep the clean input in a variable of its own",
                noise=pair.target_noise,
            )
    return CHECK.passed(comparisons=len(pairs))
