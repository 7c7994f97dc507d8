"""The model's own generating method raises.

## What it does

Calls `sample()` and `generate()` where they can be called without arguments.

## Why is this bad?

Generation is often written last and run never: a hidden state with one axis too many, a latent size that was changed elsewhere.

## How it decides

The call raises a `RuntimeError` or `IndexError` of torch's own.

## Exemptions

Methods that need arguments, and exceptions of other kinds (not fitted, not implemented).

## References

- PyTorch documentation of `GRU`, on the shape of the state: <https://pytorch.org/docs/stable/generated/torch.nn.GRU.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC625",
    name="generation-raises",
    summary="sample() or generate() raises with a shape that does not fit",
    needs=("attempts",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on an entry point that cannot run."""
    attempts = observations.attempts.entry_points
    for attempt in attempts:
        if attempt.error:
            return CHECK.failed(
                f"{attempt.what} raised {attempt.error}" + (f" at `{attempt.where}`" if attempt.where else "")
            )
    return (
        CHECK.passed(methods=len(attempts))
        if attempts
        else CHECK.skipped("the model has no sample() or generate() without arguments")
    )
