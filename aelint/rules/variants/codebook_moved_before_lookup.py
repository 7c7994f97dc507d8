"""A codebook is updated between the search for the nearest codes and the look-up of these codes.

## What it does

Reports a look-up of the nearest codes in a codebook that was written to, as moving averages do, after the search for them and
before the look-up.

## Why is this bad?

The codes were chosen for where they stood, but the batch is decoded with where they stand now, and the update has just drawn
them to the very latents of this batch. In training the quantised vectors hold more of the batch than their indices tell, and the
commitment loss is too small; in evaluation, where nothing is updated, the decoder gets other vectors than it has learned from.

## Example

```python
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self, codes=64, dim=8):
        super().__init__()
        table = torch.randn(codes, dim)
        self.register_buffer("table", table)
        self.register_buffer("sums", table.clone())
        self.register_buffer("counts", torch.ones(codes))

    @torch.no_grad()
    def update(self, hot, z):
        self.counts.mul_(0.99).add_(hot.sum(0), alpha=0.01)
        self.sums.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        self.table.copy_(self.sums / self.counts.unsqueeze(1))

    def forward(self, z):
        index = torch.cdist(z, self.table).argmin(1)
        if self.training:
            self.update(F.one_hot(index, 64).float(), z)
        q = self.table[index]
        return z + (q - z).detach(), F.mse_loss(z, q.detach())

Quantizer()(torch.randn(32, 8))
```

## Use instead

```python
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self, codes=64, dim=8):
        super().__init__()
        table = torch.randn(codes, dim)
        self.register_buffer("table", table)
        self.register_buffer("sums", table.clone())
        self.register_buffer("counts", torch.ones(codes))

    @torch.no_grad()
    def update(self, hot, z):
        self.counts.mul_(0.99).add_(hot.sum(0), alpha=0.01)
        self.sums.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        self.table.copy_(self.sums / self.counts.unsqueeze(1))

    def forward(self, z):
        index = torch.cdist(z, self.table).argmin(1)
        q = self.table[index]
        if self.training:
            self.update(F.one_hot(index, 64).float(), z)
        return z + (q - z).detach(), F.mse_loss(z, q.detach())

Quantizer()(torch.randn(32, 8))
```

## Known limits

The first look-up behind a search is judged: a second one, behind the update, may serve a report.

## References

- van den Oord et al.: Neural Discrete Representation Learning, 2017, appendix A.1, https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.moved_codebooks import moved_codebooks

RULE = Rule(
    code="AEL708",
    name="codebook-moved-before-lookup",
    summary="a codebook is updated between the search for the nearest codes and the look-up of these codes",
    severity=Severity.WARNING,
    triggers=(("argmin", "argmax", ".min(", ".max("), ("copy_", ".data", "buffer", "parameter", "_(")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the look-up."""
    for one in moved_codebooks(program):
        message = (
            f"the codebook has been written to ({place(one.moved, one.taken)}) since the nearest codes were found ({place(one.searched, one.taken)}): "
            "the batch gets other vectors than it was assigned to, drawn to it by the update. Take the vectors before the update"
        )
        notes = (Note(one.searched, "the search"), Note(one.moved, "the codebook is written to here"))
        yield Finding(one.taken, message, notes)
