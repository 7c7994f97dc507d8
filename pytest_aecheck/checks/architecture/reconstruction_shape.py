"""The reconstruction has another shape, type or device than the input.

## What it does

Compares the output that comes closest to a reconstruction with the input: shape, floating-point type, device.

## Why is this bad?

A transposed convolution whose padding does not invert the encoder gives 27 pixels for 28. The loss then raises, or
broadcasts and trains on nonsense.

## How it decides

Another dtype or device than the floating-point input's fails. A shape that differs fails only where the loss compares
the two by broadcasting; that is the check `broadcasting-loss`.

## Exemptions

Flat outputs with the input's number of elements; token scores; a reconstruction kept in higher precision than a
half-precision input.

## References

- Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016): <https://arxiv.org/abs/1603.07285>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC105",
    name="reconstruction-shape",
    summary="the reconstruction's shape, dtype or device is not the input's",
    needs=(
        "attempts",
        "output",
    ),
)

_HALF = frozenset({"torch.float16", "torch.bfloat16"})


def judge(observations: Observations) -> Verdict:
    """Compare what was found with the input."""
    output = observations.output
    if output.device != output.input_device:
        return CHECK.failed(f"the input is on {output.input_device}, the reconstruction on {output.device}")
    if output.input_floating and output.dtype != output.input_dtype and output.input_dtype not in _HALF:
        return CHECK.failed(
            f"the reconstruction is {output.dtype} for an input of {output.input_dtype}: "
            "a loss between them computes in a type that nobody chose"
        )
    return CHECK.passed(shape=str(output.shape))
