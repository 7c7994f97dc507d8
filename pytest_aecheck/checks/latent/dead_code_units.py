"""Most units of the trained code are zero for every sample.

## What it does

Counts the units of the code that are exactly zero over 256 samples.

## Why is this bad?

A rectified unit whose input is negative for all data gets no gradient and never comes back. A code of 64 units of which 60 are
dead is a code of 4.

## How it decides

It warns if more than half of the units are zero for every sample. A unit that fires for a share p of the data is
silent over n samples with probability (1 - p)^n, so what it counts fires for fewer than 3/n of the data (at 95 %).

## Exemptions

Models that are not declared fitted; codes that are drawn; codes with at least as many units as inputs, or of which only the largest
entries are kept, where zeros are meant.

## References

- Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013):
  <https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC234",
    name="dead-code-units",
    summary="most units of the fitted model's code are always zero",
    stage=Stage.FITTED,
    gate=False,
    needs=("code_use",),
)

_MOST = 0.5
_RULE_OF_THREE = 3
"""A share of events that was never seen in n trials is below 3/n at 95 %."""


def judge(observations: Observations) -> Verdict:
    """Warn if more than half are dead."""
    code = observations.code_use
    if code.drawn or not code.units:
        return CHECK.skipped("the code is drawn from a posterior")
    if code.sparse:
        return CHECK.skipped("the code is sparse by construction")
    if code.dead_units > _MOST * code.units:
        return CHECK.failed(
            f"{code.dead_units} of {code.units} units of the code ({code.where}) are zero for all {code.samples} samples: each "
            f"fires for fewer than {_RULE_OF_THREE / code.samples:.1%} of the data, if at all. Use an activation that does not die, "
            "or none, for the code",
            dead=code.dead_units,
            units=code.units,
        )
    return CHECK.passed(dead=code.dead_units, units=code.units)
