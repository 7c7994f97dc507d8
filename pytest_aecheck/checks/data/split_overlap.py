"""Training and validation loaders share samples.

## What it does

Compares the sample checksums of both loaders.

## Why is this bad?

A model that is validated on what it was trained on cannot show that it over-fits.

## How it decides

More than 5 % of the validation samples also come from the training loader.

## Exemptions

Only where `eval_loader` is declared; discrete data may repeat by chance.

## References

- Kaufman et al., "Leakage in Data Mining" (2012): <https://doi.org/10.1145/2382577.2382579>
"""

from __future__ import annotations

import math

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC506",
    name="split-overlap",
    summary="the validation loader gives samples of the training loader",
    needs=("loader",),
)

_SHARE = 0.05


def judge(observations: Observations) -> Verdict:
    """Fail on shared samples."""
    loader = observations.loader
    if math.isnan(loader.shared_with_eval):
        return CHECK.skipped("no eval_loader was declared")
    if loader.shared_with_eval > _SHARE:
        return CHECK.failed(
            f"{loader.shared_with_eval:.0%} of the validation samples are also in the training loader",
            shared=loader.shared_with_eval,
        )
    return CHECK.passed(shared=loader.shared_with_eval)
