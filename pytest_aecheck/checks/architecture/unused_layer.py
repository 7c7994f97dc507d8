"""A layer's parameters take no part in the training forward.

## What it does

Lists trainable parameters that no torch call of the recorded training forward consumed.

## Why is this bad?

A head that was built and then forgotten costs memory and, more often than not, another layer does its work twice.

## How it decides

No call used the parameter. This only warns: optional branches and generation-only heads look the same.

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
    gate=False,
    needs=("reach",),
)


def judge(observations: Observations) -> Verdict:
    """Warn about parameters without any use."""
    unused = [
        p.name for p in observations.reach.parameters if not p.used and p.status == "none" and not p.moved_by_forward
    ]
    if unused:
        return CHECK.failed(
            f"{len(unused)} trainable parameters take no part in the training forward: {', '.join(unused[:4])}",
            parameters=len(unused),
        )
    return CHECK.passed()
