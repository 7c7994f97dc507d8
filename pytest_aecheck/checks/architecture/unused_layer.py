"""A layer's parameters take no part in the training forward.

## What it does

Lists trainable parameters that no torch call of the recorded training forward consumed.

## Why is this bad?

A head that was built and then forgotten costs memory and, more often than not, another layer does its work twice.

## How it decides

No call used the parameter. This only warns: optional branches and generation-only heads look the same. It fails where another layer
stands in for the unused ones: it runs at least twice as often as the module around it, has the same parameters, and the
same name but for a number, as `deconv1` called in the place of `deconv2`.

## Exemptions

Frozen parameters, and parameters that are not reached by chance.

## References

- PyTorch documentation, `find_unused_parameters` of `DistributedDataParallel`:
  <https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC116",
    name="unused-layer",
    summary="parameters that the training forward never touches",
    needs=("reach",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on layers whose twin runs in their place, warn about other parameters without any use."""
    if observations.reach.stand_ins:
        one = observations.reach.stand_ins[0]
        return CHECK.failed(
            f"{one.name} runs {one.times} times in one forward, and {', '.join(one.twins)}, built alike, never: it is called in "
            "their place",
            where=one.name,
            layers=len(one.twins),
        )
    unused = [
        p.name for p in observations.reach.parameters if not p.used and p.status == "none" and not p.moved_by_forward
    ]
    if unused:
        return CHECK.warned(
            f"{len(unused)} trainable parameters take no part in the training forward: {', '.join(unused[:4])}",
            parameters=len(unused),
        )
    return CHECK.passed()
