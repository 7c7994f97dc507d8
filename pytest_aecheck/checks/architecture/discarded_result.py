"""The result of a pure tensor operation is thrown away.

## What it does

Looks in the trace of a training forward for calls of functions such as `masked_fill`, `clamp`, `scatter` or `index_fill`
whose result nothing reads, and for dropout whose result nothing reads.

## Why is this bad?

`score.masked_fill(mask, -inf)` returns a new tensor and leaves `score` as it was. Written as a statement it masks nothing. `self.drop(x)` as a
statement drops nothing.

## How it decides

The function has a twin in place (`masked_fill_`), its argument depends on trained parameters, gradients are recorded, and
no later call and no output uses what it returned. Dropout counts where it is active, on data as well.

## Exemptions

Calls with `out=`, and results that are returned.

## References

- PyTorch documentation of `Tensor.masked_fill_`: <https://pytorch.org/docs/stable/generated/torch.Tensor.masked_fill_.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC118",
    name="discarded-result",
    summary="a tensor operation that returns its result is called for an effect that it does not have",
    needs=("program",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on the first discarded result."""
    discarded = observations.program.discarded
    if discarded:
        return CHECK.failed(
            f"the result of {discarded[0]} is never used: the function returns a new tensor and changes nothing. "
            "Assign the result, or call the variant that ends in an underscore",
            calls=len(discarded),
        )
    return CHECK.passed()
