"""A distance between sets of points compares their coordinates: the points lie along the last axis.

## What it does

Reports a distance in both directions between two batches of sets, as the chamfer distance is (each point to the nearest of the
other set, and the other way round), where a set arrives with two or three rows of many numbers, `(batch, 3, points)`: what is
compared then are the rows of all x, all y and all z.

## Why is this bad?

The matrix of distances has 3 x 3 entries in place of points x points. Its smallest entries lie on the diagonal as soon as the
output is roughly right, and then the loss compares point by point in the order in which they are stored, which means nothing for
a set. Nothing raises, and the loss falls.

## Example

```python
import torch
from torch import nn

def chamfer(a, b):
    distances = torch.cdist(a, b)
    return distances.min(2).values.mean() + distances.min(1).values.mean()

encoder, decoder = nn.Linear(3 * 64, 16), nn.Linear(16, 3 * 64)
points = torch.randn(8, 3, 64)
output = decoder(encoder(points.flatten(1))).view(8, 3, 64)
chamfer(output, points).backward()
```

## Use instead

```python
import torch
from torch import nn

def chamfer(a, b):
    distances = torch.cdist(a, b)
    return distances.min(2).values.mean() + distances.min(1).values.mean()

encoder, decoder = nn.Linear(3 * 64, 16), nn.Linear(16, 3 * 64)
points = torch.randn(8, 3, 64)
output = decoder(encoder(points.flatten(1))).view(8, 3, 64)
chamfer(output.transpose(1, 2), points.transpose(1, 2)).backward()
```

## Known limits

The sizes of at least one of the sets must be known, and the smallest distance must be taken along both axes.

## References

- Fan, Su, Guibas: A Point Set Generation Network for 3D Object Reconstruction from a Single Image, 2017,
  https://arxiv.org/abs/1612.00603
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.objective.set_distances import set_distances

RULE = Rule(
    code="AEL340",
    name="set-distance-layout",
    summary="a distance between sets of points compares their coordinates, as the points lie along the last axis",
    severity=Severity.WARNING,
    triggers=(("cdist", "unsqueeze", "none", "norm"), ("min(", "amin")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report where the sets are handed over."""
    for one in set_distances(program):
        rows = one.shape[1]
        message = (
            f"a set arrives here with the shape {shape_text(one.shape)}, so the distances are taken between its {rows} rows of "
            f"{one.shape[2]} coordinates each, not between its points: transpose both, `x.transpose(1, 2)`"
        )
        notes = (Note(one.taken, "the distances are taken here"),) if one.taken is not one.handed else ()
        yield Finding(one.handed, message, notes)
