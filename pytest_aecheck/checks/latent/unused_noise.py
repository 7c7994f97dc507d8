"""Noise is drawn and not used.

## What it does

Looks in the trace of a training forward and its loss for draws of normal or uniform noise that nothing depends on.

## Why is this bad?

`noisy = x + noise` is made, and then the model is called on `x`: a denoising autoencoder that never sees a corrupted input. Or `eps` is
drawn, and the decoder is given the mean.

## How it decides

Neither the loss nor any output of the model was computed from the draw, no weight ever met it, and it was not read as a number.

## Exemptions

Draws of a single number; draws that were read by `.item()` or by an `if`; samples that the decoder made for other purposes (a weight met
them); programs that are too long to be recorded.

## References

- Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders" (2008): <https://doi.org/10.1145/1390156.1390294>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC212",
    name="unused-noise",
    summary="noise is drawn and nothing depends on it",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on the first draw that leads nowhere."""
    unused = observations.program.unused_noise
    if unused:
        return CHECK.failed(
            f"the result of {unused[0]} is never used: neither the loss nor any output depends on it. Was the clean input passed on, or the mean "
            "decoded, in place of the noisy one?",
            draws=len(unused),
        )
    return CHECK.passed()
