"""The reconstruction depends on the input around the code.

## What it does

Holds the code constant and asks whether the reconstruction still has a derivative by the input.

## Why is this bad?

A model that can look at its input need not encode it. The reconstruction becomes excellent, the code stays empty, and
whatever is done with codes afterwards (generation, retrieval, detection of anomalies) fails.

## How it decides

In an autoencoder `∂x̂/∂x` with the code held constant is exactly zero. It fails if it is not, the code is drawn from a
posterior, and elements of the reconstruction depend on the very elements that they reconstruct. It warns where the code
is only known as the decoder's input, where the decoder is handed a second tensor, where at most half of the elements see
themselves (the first frame of a film as a condition), where activations of the encoder come in
at two places or more, as in a U-Net, and the loss compares with something else than the model's input (a U-Net that translates is built
so on purpose; one that reconstructs has no use for its code), or where the derivatives have rank two
or less, as those of a mean and a scale that are taken off before and put back after. It also fails, whatever the code is, where each
element depends on its own input with slope 1 and on nothing else, and the loss compares with the very tensor that the model was
given: then the input was simply added.

## Exemptions

`skips=True`; the total of the input (the size factor of counts); conditions (tensors of the batch after the first);
teacher forcing, autoregressive decoders and blind-spot
networks, which never show an element to its own prediction; residual denoisers, whose input is not their target; inputs that are not of floating point; models in which no
latent is drawn and no module is called decoder.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes" (2014): <https://arxiv.org/abs/1312.6114>
- Ronneberger et al., "U-Net" (2015), for connections that pass the bottleneck on purpose: <https://arxiv.org/abs/1505.04597>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC109",
    name="latent-bypass",
    summary="the input reaches the reconstruction without passing the code",
    needs=("bypass",),
    cost="2 forwards and 1 backward",
)

_STATISTICS = 2
"""Rank of what a mean and a scale of the input can contribute."""

_PART = 0.5
"""Share of the elements that may see themselves where a part of the input, the first frame say, is the decoder's condition."""
_U_NET = 2
"""Places at which the decoder takes in activations of the encoder."""


def judge(observations: Observations) -> Verdict:
    """Fail on a derivative that should be zero."""
    if observations.spec.skips:
        return CHECK.declined("the architecture is declared to pass the input around the code")
    bypass = observations.bypass
    if not bypass.gradient:
        return CHECK.passed(gradient=0.0)
    numbers: dict[str, Any] = {
        "gradient": bypass.gradient,
        "own": bypass.own,
        "followed": bypass.elements,
        "rank": bypass.rank,
    }
    if bypass.elements and not bypass.own:
        return CHECK.passed(
            "the decoder sees other elements of the input, but never the one that it predicts", **numbers
        )
    if bypass.total:
        return CHECK.passed("the decoder sees the total of the input, a size factor, and nothing else of it", **numbers)
    if bypass.identity and bypass.target_is_input:
        return CHECK.failed(
            f"the input itself is added to the reconstruction, past the code ({bypass.where}), and the loss compares it with that very "
            "input: decoding to 0 is perfect, and nothing has to be learned. Remove the addition; declare skips=True if it is meant",
            **numbers,
        )
    translates = bypass.joins >= _U_NET and not bypass.target_is_input
    conditioned = bypass.own <= _PART * bypass.elements
    certain = (
        bypass.drawn and bypass.decoder_inputs <= 1 and bypass.rank > _STATISTICS and not (translates or conditioned)
    )
    say = CHECK.failed if certain else CHECK.warned
    return say(
        f"with the code ({bypass.where}) held constant the reconstruction still changes with the input, by up to "
        f"{bypass.gradient:.3g} per unit; {bypass.own} of {bypass.elements} elements see the very element that they "
        "reconstruct. Look for a skip connection or for the input beside the code in the decoder; declare skips=True if it "
        "is meant",
        **numbers,
    )
