"""A sample's output depends on other samples of the batch.

## What it does

In evaluation mode, asks whether the output for sample i changes with sample j.

## Why is this bad?

A `view` that folds the batch into the features, a softmax or a normalisation over the wrong axis, or a
recurrent layer with batch and time exchanged lets samples leak into each other. Training may look fine; the
model then gives another answer for the same sample in another batch.

## How it decides

Two exact statements: the gradient of a middle sample's output at every other sample's input is exactly zero;
and replacing the first and the last but one leaves every other output bitwise equal, all normal noise being one. Where two equal calls already differ (some accelerators), a change counts from ten times
that difference. Where the sizes of intermediate results follow the data, as with packed sequences, rounding differs too: there it counts from 1e-5 of
the largest output.

## Exemptions

Where the entries of all samples are ranked together (the top-k of a batch) and no gradient tells of another influence,
this only warns. Where draws of a rejection sampler (gamma, Poisson) are decoded, only the gradient counts.
Outputs without exactly one axis of samples (averages, similarity matrices). Batch statistics in training
mode are meant to mix, so only evaluation mode is looked at.

## References

- Bussmann et al., "BatchTopK Sparse Autoencoders" (2024): <https://arxiv.org/abs/2412.06410>
- "Efficient BackProp" debugging practice: Karpathy, "A Recipe for Training Neural Networks" (2019), "use backprop to chart dependencies":
  <https://karpathy.github.io/2019/04/25/recipe/>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC107",
    name="samples-mix",
    summary="one sample's output depends on another sample of the batch",
    needs=("mixing",),
    cost="2F and 1B on seven samples",
)


def judge(observations: Observations) -> Verdict:
    """Fail on any influence that is not the machine's own noise."""
    mixing = observations.mixing
    tolerance = 10 * mixing.noise + 1e-6 * mixing.scale if mixing.noise else 0.0
    if mixing.gradient > tolerance or mixing.change > tolerance:
        evidence = (
            f"the gradient of {mixing.leaf} for sample {mixing.sample} at the input of sample {mixing.other} is {mixing.gradient:.3g}"
            if mixing.gradient > tolerance
            else f"{mixing.leaf} for sample {mixing.sample} changes by {mixing.change:.3g} when sample {mixing.other} is replaced"
        )
        if mixing.selected and mixing.gradient <= tolerance:
            return CHECK.warned(
                f"what is kept of a sample depends on its batch in evaluation mode, too: {evidence}, and `{mixing.selected}` ranks "
                "the entries of all samples together. Evaluate with a threshold that was fixed in training",
                where=mixing.where,
                change=mixing.change,
            )
        return CHECK.failed(
            f"samples of one batch influence each other in evaluation mode: {evidence}; both should be exactly 0. "
            "Look for a reshape that moves the batch axis, or a softmax, norm or recurrent layer over the wrong axis",
            where=mixing.where,
            gradient=mixing.gradient,
            change=mixing.change,
        )
    return CHECK.passed(gradient=mixing.gradient, change=mixing.change)
