"""A moving average keeps nearly nothing of itself, or its result goes to an attribute that nothing reads.

## What it does

Reports

- a moving average of a buffer or a parameter whose two weights are exchanged: `(1 - decay) * old + decay * new`
  with a decay near one,
- one that is moved the wrong way: `average + (1 - decay) * (average - new)`,
- a quotient of averaged buffers (the sums and counts of a codebook) that is assigned to an attribute which
  occurs nowhere else, so that the codebook itself is never changed,
- a moving average in `forward` of a class that never asks for `self.training`, in a program that calls `eval()`,
- averaged weights that a training loop copies into the network for an evaluation or a checkpoint (`store`, `copy_to`,
  `apply_shadow`) and never takes out again (`restore`).

## Why is this bad?

With exchanged weights each batch overwrites the average: codes jump to the latents of the last batch, and codes
that it does not use vanish. With the wrong name the codebook stays what it was at the start.

## Example

```python
import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, z):
        self.mean = (1 - self.decay) * self.mean + self.decay * z.mean(0)
        return z - self.mean


Quantizer()(torch.randn(32, 8))
```

## Use instead

```python
import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, z):
        self.mean = self.decay * self.mean + (1 - self.decay) * z.mean(0)
        return z - self.mean


Quantizer()(torch.randn(32, 8))
```

## Known limits

Weights must be known numbers that add up to one. An attribute whose name is like that of the buffer is a misspelled one (AEL408).

## References

- van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, appendix A.1,
  https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.evaluated_updates import ungated_averages
from aelint.semantics.variants.fleeing_averages import fleeing_averages
from aelint.semantics.variants.moving_averages import forgetful_averages, unread_results
from aelint.semantics.variants.unrestored_averages import unrestored_averages

RULE = Rule(
    code="AEL706",
    name="ineffective-average",
    summary="a moving average keeps nearly nothing of itself, nothing reads it, or it stays in the network that is trained",
    severity=Severity.WARNING,
    triggers=(("register_buffer", "lerp_", "mul_", "copy_to", "apply_shadow", "decay", "ema", "average", "shadow"),),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield averages with exchanged weights, and results that nothing reads."""
    for average in forgetful_averages(program):
        yield Finding(
            average.site,
            f"this average keeps {average.old:.3g} of itself and takes {average.new:.3g} of the batch: it forgets all that came "
            "before; exchange the two weights",
        )
    for unread in unread_results(program):
        names = " and ".join(f"`{name}`" for name in unread.averages)
        yield Finding(
            unread.site,
            f"`{unread.name}` is made of the averages {names} and read nowhere: what they are kept for is never changed; assign "
            "to the attribute that is read",
            (Note(unread.registered, "averaged in each step"),),
        )
    for site in fleeing_averages(program):
        yield Finding(
            site,
            "this adds what the average is ahead of the new value, so it moves away from what it is to follow, further in each step; "
            "subtract the difference, or turn it round",
        )
    for left in unrestored_averages(program):
        undone = "restore them after the evaluation, or copy into a `copy.deepcopy` of the network"
        notes = [Note(left.training, "training goes on here")]
        if left.missing is left.copied:
            message = f"`{left.name}` copies the averaged weights into the network, and nothing puts its own weights back: training goes on from the average; {undone}"
        else:
            message = (
                f"`{left.name}` has copied the averaged weights into the network ({place(left.copied, left.missing)}), and nothing puts its own "
                f"weights back before this function ends: training goes on from the average; {undone}"
            )
            notes.insert(0, Note(left.copied, "the averaged weights are copied in here"))
        yield Finding(left.missing, message, tuple(notes))
    for moved in ungated_averages(program):
        yield Finding(
            moved.site,
            f"`{moved.name}` is updated in every pass, after `eval()` too: evaluation changes what was learned; do this under "
            "`if self.training:`",
            (Note(moved.switch, "evaluation mode"),),
        )
