"""The decoder is given the token that it has to predict.

## What it does

Holds the code constant, changes one token of the batch, and looks where the loss's target changes with it: do the decoder's scores
change at that very place?

## Why is this bad?

Teacher forcing gives the decoder the tokens before the one that it predicts. Without the shift by one it copies its input: the loss
falls to nothing at once, the code stays empty, and generation, where there is nothing to copy, gives noise.

## How it decides

It warns if at every place that was tried the scores for a token change with that token, exactly compared, under one seed. It does not
fail: who only wants the latent may put up with a decoder that cannot generate.

## Exemptions

Inputs that are not batches of token sequences; models that draw no latent; targets that do not follow the tokens one by one. Denoising
that leaves some tokens as they are is silent unless it leaves all.

## References

- Bowman et al., "Generating Sentences from a Continuous Space" (2016): <https://arxiv.org/abs/1511.06349>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC719",
    name="answer-shown",
    summary="the decoder sees the token that it predicts",
    gate=False,
    needs=("teacher",),
    cost="up to 6 forwards, for tokens only",
)

_FEWEST = 2


def judge(observations: Observations) -> Verdict:
    """Warn if every answer was shown."""
    teacher = observations.teacher
    if teacher.places < _FEWEST:
        return CHECK.skipped("fewer than two targets could be followed")
    if teacher.shown == teacher.places:
        return CHECK.failed(
            f"at all {teacher.places} places that were tried the decoder's scores for a token change with that very token, although the code "
            "is held constant: its input has to be shifted by one against its target",
            places=teacher.places,
        )
    return CHECK.passed(places=teacher.places, shown=teacher.shown)
