"""Training steps leave more and more of the computation behind.

## What it does

Makes six updates and counts, after each, the operations whose record autograd still keeps.

## Why is this bad?

A sum of losses that were not turned into numbers, a list of codes that were not detached, or a running mean that carries gradients
holds on to every batch since the start. Memory grows until the run dies, and each step takes longer than the one before.

## How it decides

The last three updates each added the same number of operations. All steps see one batch under one random state, so that a
model whose graph is of another size each time does not look like this.

## Exemptions

Graphs that grow until an update is made, as losses of several batches that are added up first.

## References

- PyTorch FAQ, "My model reports 'cuda runtime error(2): out of memory'": <https://pytorch.org/docs/stable/notes/faq.html>
"""

from __future__ import annotations

from itertools import pairwise

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC412",
    name="graph-kept-alive",
    summary="each training step keeps the graphs of all steps before it",
    needs=("progress",),
    cost="6 training steps",
)

_COMPARED = 3


def judge(observations: Observations) -> Verdict:
    """Fail on steady growth."""
    sizes = observations.progress.graph_sizes
    added = [after - before for before, after in pairwise(sizes)][-_COMPARED:]
    if len(added) < _COMPARED:
        return CHECK.skipped(f"only {len(sizes)} updates could be made")
    if added[0] > 0 and len(set(added)) == 1:
        return CHECK.failed(
            f"each update leaves {added[0]} more recorded operations behind ({sizes[0]} after the first, {sizes[-1]} after "
            f"{len(sizes)}): keep numbers (`loss.item()`) or detached tensors, not what autograd follows",
            added=added[0],
            first=sizes[0],
            last=sizes[-1],
        )
    return CHECK.passed(kept=sizes[-1])
