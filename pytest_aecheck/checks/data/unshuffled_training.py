"""The training loader gives the same order in every epoch.

## What it does

Compares the order of samples of two epochs.

## Why is this bad?

Stochastic gradient descent assumes that batches are drawn anew. With a fixed order the same samples always stand together, and
data sorted by class or time make it worse.

## How it decides

The sequences of sample checksums of two epochs are equal. It fails if the data are sorted as well (von Neumann's ratio of
successive differences of the sample means is five standard deviations from that of a random order; or whole-number labels stand
class by class, where a random order does so less than once in a million), or if the loader was declared
`shuffled=True`; otherwise it warns. Overlapping windows of one series are alike by construction: their order is warned of.

## Exemptions

Declare a loader that keeps its order on purpose with `shuffled=False`. Loaders of one batch.

## References

- Bottou, "Stochastic Gradient Descent Tricks" (2012): <https://leon.bottou.org/publications/pdf/tricks-2012.pdf>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC505",
    name="unshuffled-training",
    summary="the training loader does not change its order between epochs",
    needs=("loader",),
)

_SORTED = 5.0
"""Standard deviations; in random order this is passed once in three million loaders."""


def judge(observations: Observations) -> Verdict:
    """Fail on equal epochs."""
    loader = observations.loader
    if loader.error:
        return CHECK.skipped(f"the loader raised {loader.error}")
    if observations.spec.shuffled is False:
        return CHECK.declined("the loader is declared to keep its order")
    if loader.batches < 2:
        return CHECK.skipped("an epoch has fewer than two batches")
    if loader.same_order:
        sorted_data = loader.grouped or (loader.sortedness > _SORTED and not loader.sliding)
        why = "their labels stand class by class" if loader.grouped else "neighbouring samples are alike"
        message = f"two epochs give their {loader.samples} samples in the same order" + (
            f", and {why}: the data are sorted" if sorted_data else ""
        )
        say = CHECK.failed if sorted_data or observations.spec.shuffled else CHECK.warned
        return say(
            f"{message}. Pass shuffle=True, or declare shuffled=False",
            samples=loader.samples,
            sortedness=loader.sortedness,
        )
    return CHECK.passed(samples=loader.samples)
