"""A generated sample is treated as real, and was cut from its generator.

## What it does

Follows samples that were decoded (from noise, or from the batch) and then detached, and reads from the loss's gradient what becomes of them.

## Why is this bad?

In adversarial training the critic (or an encoder that plays it) gets generated samples detached and pushes them away from the real ones.
The generator gets them attached and pulls them there. With a `detach` in the generator's loss the pull has no generator to act on; it
only teaches the critic the opposite of what it should learn.

## How it decides

It fails if the loss pulls an encoding of such a sample to N(0, I), so that its gradient is `c·μ` with c > 0, or compares its score with the
same constant label as the scores of real samples.

## Exemptions

Losses without a detached sample; of reconstructions, only the labels of their scores are read. The critic's own loss, which
pushes detached samples away, has c < 0 or another label.

## References

- Huang et al., "IntroVAE" (2018), equations 11 and 12: <https://arxiv.org/abs/1807.06358>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC422",
    name="sample-cut-from-generator",
    summary="a generated sample is treated as real, and was detached from its generator",
    needs=("players",),
)


def judge(observations: Observations) -> Verdict:
    """Fail where a detached sample is pulled to where real ones belong."""
    players = observations.players
    if players.pulled_to_prior:
        return CHECK.failed(
            "the loss pulls the encoding of a generated sample to the prior, as if it were real, but the sample was detached: its generator "
            "gets no gradient from that. Detach it in the encoder's loss, where its encoding is pushed away, and not in the generator's",
            where="" if players.where == "the loss" else players.where,
        )
    if players.labelled_real:
        return CHECK.failed(
            "scores of detached, generated samples are compared with the label of real ones: the critic is taught that both are the same",
            where="" if players.where == "the loss" else players.where,
        )
    return CHECK.passed(cuts=players.cuts)
