"""The model does not run on the batch that was declared for it.

## What it does

Builds the model, runs it on the declared batch in evaluation and in training mode, evaluates the loss, and
runs the model again on 1, 2 and an odd number of samples.

## Why is this bad?

A layer that does not fit what arrives raises on the first batch. A batch size that is written into the
architecture shows only when the last batch of an epoch is smaller, or at inference on a single sample.

## How it decides

Any exception counts; its text and the line of your code that raised it are reported.

## Exemptions

A batch of one in training mode is not tried, because batch normalisation cannot normalise it; in evaluation mode a model
may refuse it with an error of its own (`ValueError`, `ZeroDivisionError`), as estimates over the batch do. A forward that wants
more than the declared batch holds cannot be called, and warns: declare `reconstruct`. Other sizes
are tried only if `batch(n, seed)` can make them; where the batch is a tensor, whose rows may belong together as the nodes of a
graph do, what raises on a part of it warns.

## References

- PyTorch documentation, "Training a Classifier": <https://pytorch.org/tutorials/beginner/blitz/cifar10_tutorial.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC100",
    name="model-raises",
    summary="the model, or its loss, raises on the declared batch",
    needs=("attempts",),
    cost="shared, and 2F on one and two samples",
)


def judge(observations: Observations) -> Verdict:
    """Report the first attempt that raised."""
    attempts = observations.attempts
    if attempts.undeclared:
        return CHECK.warned(f"the model was not run: {attempts.undeclared}")
    for attempt in (*attempts.declared, *attempts.resized):
        if attempt.error:
            mode = "training" if attempt.training else "evaluation"
            where = f" at `{attempt.where}`" if attempt.where else ""
            if attempt.samples == 0 or attempt.what == "making a batch":
                return CHECK.failed(
                    attempt.error if attempt.samples else f"{attempt.what} raised {attempt.error}{where}"
                )
            others = "" if attempt in attempts.declared else ", although it runs on the declared batch size"
            # who gives a tensor gives one batch, whose rows may belong together, as the nodes of a graph do
            say = CHECK.warned if others and not callable(observations.spec.batch) else CHECK.failed
            return say(
                f"{attempt.what} raised on {attempt.samples} samples in {mode} mode{others}: {attempt.error}{where}",
                samples=attempt.samples,
            )
    return CHECK.passed(attempts=len(attempts.declared) + len(attempts.resized))
