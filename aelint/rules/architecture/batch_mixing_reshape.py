"""Values of different samples are put together in one row.

## What it does

Reports

- a reshape or flattening whose rows hold elements of several samples, `view(784, -1)` of images for one,
- a batch that is flattened to a single row, in front of a layer that takes the features of one sample,
- rows that `repeat` lays out copy after copy, and that a view reads as if the copies of each row stood side by side,
- a table with one row for each position (a positional encoding) that is cut to the number of samples and
  added along the batch.

## Why is this bad?

The output of a sample then depends on its neighbours in the batch. Training goes on, since the
neighbours' values are there to be used; at inference, with another batch, the result is another.

## Example

```python
import torch
import torch.nn as nn

conv = nn.Conv2d(3, 10, 3, padding=1)

def features(x):
    h = conv(x)
    return h.reshape(10, -1)
```

## Use instead

```python
import torch
import torch.nn as nn

conv = nn.Conv2d(3, 10, 3, padding=1)

def features(x):
    h = conv(x)
    return h.flatten(1)
```

## Known limits

The axis of the samples must be known: from a convolution, from a batch-first layer or from the data.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import contradictions
from aelint.semantics.architecture.joined_samples import joined_samples
from aelint.semantics.architecture.positions import positions_along_batch
from aelint.semantics.architecture.tiled_rows import tiled_rows
from aelint.semantics.explanation.wording import place, shape_text, size_text

RULE = Rule(
    code="AEL107",
    name="batch-mixing-reshape",
    summary="values of different samples are put together",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield operations that mix samples."""
    for found in contradictions(program, "mixes-batch"):
        facts = found.conflict.facts
        message = (
            f"`{found.conflict.operation}` of {shape_text(facts['shape'])} to {shape_text(facts['target'])} makes rows of "
            f"{size_text(facts['row'])} elements, a sample has {size_text(facts['sample'])}: rows hold elements of different "
            "samples. Keep the axis of the samples as it is"
        )
        yield Finding(found.site, message)
    for joined in joined_samples(program):
        message = (
            f"this makes one row of the whole batch {shape_text(joined.before)}, but the layer behind it ({place(joined.taken, joined.site)}) takes "
            f"the {joined.features} features of one sample. Keep the axis of the samples, `flatten(1)`"
        )
        yield Finding(joined.site, message, (Note(joined.taken, f"takes {joined.features} features"),))
    for one in tiled_rows(program):
        message = (
            f"`repeat` gives all {size_text(one.rows)} rows once, then all of them again; read as {shape_text(one.shape)}, what "
            f"should be {size_text(one.copies)} copies of one row is taken from different rows. Repeat along an axis of its own, "
            f"`unsqueeze(1).expand(-1, {size_text(one.copies)}, -1)`"
        )
        yield Finding(one.site, message)
    for added in positions_along_batch(program):
        message = (
            f"the table of shape {shape_text(added.table)} is cut to the number of samples and added along the batch "
            f"({shape_text(added.shape)}): a sample's encoding depends on its place in the batch, and all its positions "
            "get the same. Cut it to the length of the sequence and add it along that axis"
        )
        notes: tuple[Note, ...] = ()
        if added.evidence.site is not None:
            notes = (Note(added.evidence.site, f"the first axis is the batch here ({place(added.evidence.site)})"),)
        yield Finding(added.site, message, notes, severity=Severity.WARNING, confidence=Confidence.HIGH)
