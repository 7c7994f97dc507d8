"""Dropout, or a normalisation of what a sigmoid bounded, is the last operation before the reconstruction.

## What it does

Reads, in training mode, which operation made the reconstruction, looking through views.

## Why is this bad?

Dropout after the output layer sets random pixels of the reconstruction to zero and scales the others up. The loss then
pulls the output towards a compromise between the two, and evaluation, without dropout, is biased. Batch normalisation after a sigmoid
gives outputs that are negative or above 1, and that depend on the other samples.

## How it decides

The operation is a dropout with a probability above 0 that is active; or it normalises the result of a sigmoid, tanh or softmax, and so
undoes the range that these were put there for.

## Exemptions

Dropout anywhere before the last projection.

## References

- Srivastava et al., "Dropout" (2014): <https://jmlr.org/papers/v15/srivastava14a.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC117",
    name="stochastic-output-layer",
    summary="the last operation of the reconstruction is dropout, or normalises a bounded output",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail if dropout ends the decoder."""
    program = observations.program
    if not program.last_operation:
        return CHECK.skipped("no output was found that is a reconstruction")
    if program.last_operation_training_only:
        return CHECK.failed(
            f"the reconstruction comes out of {program.last_operation}: in training its elements are set to zero at random. "
            "Remove the dropout after the last layer of the decoder"
        )
    if program.normalised_after:
        return CHECK.failed(
            f"the reconstruction is the result of {program.normalised_after}, normalised again by {program.last_operation}: it leaves the "
            f"range that {program.normalised_after} gave it. Remove the normalisation after the output's activation"
        )
    return CHECK.passed(last_operation=program.last_operation)
